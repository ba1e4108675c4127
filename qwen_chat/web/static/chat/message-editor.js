/** The editor of a message. */

import { element, fitHeight } from "../lib/dom.js";
import { showError } from "../lib/toasts.js";
import { translate } from "../lib/translate.js";

/**
 * Open an editor at the top of a message; resolves when the text is saved or the editor cancelled.
 *
 * @param {HTMLElement} node
 * @param {string} raw
 * @param {string} yes the label of the button
 * @param {(text: string) => Promise<void>} save
 * @returns {Promise<void>}
 */
export function openEditor(node, raw, yes, save) {
  const before = document.activeElement;
  const area = element("textarea", { class: "field", rows: 1, "aria-label": translate("chat.edit_text"), dir: "auto" });
  const cancel = element("button", { type: "button", class: "plain" }, translate("page.cancel"));
  const submit = element("button", { type: "submit", class: "solid" }, yes);
  const hint = element("span", { class: "hint" }, translate("chat.edit_hint"));
  const form = element("form", { class: "editor" }, area, element("div", { class: "choices" }, hint, cancel, submit));
  area.value = raw;
  node.prepend(form);
  fitHeight(area);
  area.focus();
  // The text field and its buttons are visible together.
  form.scrollIntoView({ block: "nearest" });
  return new Promise((resolve) => {
    const end = () => {
      form.remove();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
      resolve();
    };
    const done = async () => {
      submit.disabled = true;
      try {
        if (area.value !== raw) await save(area.value);
        end();
      } catch (fault) {
        // The typed text stays in the field.
        showError(fault);
        submit.disabled = false;
      }
    };
    area.addEventListener("input", () => fitHeight(area));
    area.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Escape") end();
      else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void done();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    cancel.addEventListener("click", end);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void done();
    });
  });
}
