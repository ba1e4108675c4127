/** Elements made by hand: text goes in as text, never as HTML. */

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * Make an element; a function under "onclick" and the like listens, true sets an empty attribute.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) set(made, name, value);
  for (const child of children) if (child) made.append(child);
  return made;
}

/** @param {Element} target @param {string} name @param {unknown} value */
function set(target, name, value) {
  if (typeof value === "function") {
    target.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
  } else if (value === true) {
    target.setAttribute(name, "");
  } else if (value !== false && value !== null && value !== undefined) {
    target.setAttribute(name, String(value));
  }
}

/** Tell whether what is typed now goes into a text, here or in the frame of the settings. @param {EventTarget | null} target */
export function isTyping(target) {
  const node = /** @type {HTMLElement | null} */ (target && "matches" in target ? target : null);
  return node !== null && (node.isContentEditable || node.matches("input, textarea, select"));
}

/** Let a textarea be as high as its text; the styles set how high at most. @param {HTMLTextAreaElement} area */
export function fit(area) {
  if (CSS.supports("field-sizing", "content")) return;
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + area.offsetHeight - area.clientHeight}px`;
}
