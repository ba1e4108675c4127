/** Makes elements; text is inserted as text, never as HTML. */

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * Make an element. An attribute that is a function, such as "onclick", becomes an event listener; true sets an empty attribute.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(made, name, value);
  for (const child of children) if (child) made.append(child);
  return made;
}

/** @param {Element} target @param {string} name @param {unknown} value */
function setAttribute(target, name, value) {
  if (typeof value === "function") {
    target.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
  } else if (value === true) {
    target.setAttribute(name, "");
  } else if (value !== false && value !== null && value !== undefined) {
    target.setAttribute(name, String(value));
  }
}

/** Return whether an element takes typed text, on the page or in the frame of the settings. @param {EventTarget | null} target */
export function isTyping(target) {
  const node = /** @type {HTMLElement | null} */ (target && "matches" in target ? target : null);
  return node !== null && (node.isContentEditable || node.matches("input, textarea, select"));
}

/** Set the height of a text area to that of its text; the style sheet sets the maximum. @param {HTMLTextAreaElement} area */
export function fitHeight(area) {
  if (CSS.supports("field-sizing", "content")) return;
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + area.offsetHeight - area.clientHeight}px`;
}
