/** A one-line editor in place of an element. */

import { element } from "./dom.js";
import { translate } from "./translate.js";

/**
 * Put a text field in place of an element; resolves to the new text, or "" if it did not change.
 *
 * @param {HTMLElement} shown
 * @param {string} text
 * @returns {Promise<string>}
 */
export function editInline(shown, text) {
  const field = element("input", { class: "field", "aria-label": translate("list.title"), maxlength: 200, dir: "auto" });
  field.value = text;
  shown.hidden = true;
  shown.after(field);
  field.select();
  field.focus();
  return new Promise((resolve) => {
    const end = (/** @type {boolean} */ takes) => {
      const written = field.value.trim();
      resolve(takes && written !== text ? written : "");
      field.onblur = null;
      field.remove();
      shown.hidden = false;
      shown.focus();
    };
    field.onblur = () => end(true);
    field.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.isComposing) return;
      if (event.key === "Enter" || event.key === "Escape") {
        event.preventDefault();
        end(event.key === "Enter");
      }
    });
  });
}
