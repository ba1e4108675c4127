/** A message's text, changed in place. */

import { element, fit } from "../lib/dom.js";
import { warn } from "../lib/toasts.js";
import { translate } from "../lib/translate.js";

/**
 * Let a text be changed at the top of a message, and return when it was saved or left as it was.
 *
 * @param {HTMLElement} node
 * @param {string} raw
 * @param {string} yes what the button says
 * @param {(text: string) => Promise<void>} save
 * @returns {Promise<void>}
 */
export function edited(node, raw, yes, save) {
  const before = document.activeElement;
  const area = element("textarea", { class: "field", rows: 1, "aria-label": translate("chat.edit_text"), dir: "auto" });
  const cancel = element("button", { type: "button", class: "plain" }, translate("page.cancel"));
  const submit = element("button", { type: "submit", class: "solid" }, yes);
  const hint = element("span", { class: "hint" }, translate("chat.edit_hint"));
  const form = element("form", { class: "editor" }, area, element("div", { class: "choices" }, hint, cancel, submit));
  area.value = raw;
  node.prepend(form);
  fit(area);
  area.focus();
  // What is typed and what is pressed next are to be seen together.
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
        // What was typed stays where it is.
        warn(fault);
        submit.disabled = false;
      }
    };
    area.addEventListener("input", () => fit(area));
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
