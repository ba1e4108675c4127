/** Modal dialogs. */

import { element } from "./dom.js";
import { translate } from "./translate.js";

/** Ask a person to confirm an action that cannot be undone. @param {string} title @param {string} text @param {string} yes @returns {Promise<boolean>} */
export function confirmAction(title, text, yes) {
  const answer = element(
    "form",
    { method: "dialog" },
    element("h2", {}, title),
    element("p", { dir: "auto" }, text),
    element(
      "div",
      { class: "choices" },
      element("button", { value: "", class: "plain" }, translate("page.cancel")),
      element("button", { value: "yes", class: "grave", autofocus: true }, yes),
    ),
  );
  return showDialog(answer, title).then((value) => value === "yes");
}

const SHORTCUTS = /** @type {const} */ ({
  Enter: "shortcuts.send",
  "Shift-Enter": "shortcuts.line_break",
  Esc: "shortcuts.stop",
  "↑": "shortcuts.edit_last",
  "Ctrl-Enter": "shortcuts.save",
  "Ctrl-K": "shortcuts.search",
  "Ctrl-B": "shortcuts.list",
  "Ctrl-Shift-O": "shortcuts.new_chat",
  "?": "shortcuts.help",
});

/** Show the list of keyboard shortcuts. */
export function showShortcuts() {
  if (document.querySelector("dialog[open]")) return;
  const rows = Object.entries(SHORTCUTS).flatMap(([keys, code]) => [
    element("dt", {}, ...keyCaps(keys)),
    element("dd", {}, translate(code)),
  ]);
  const sheet = element(
    "form",
    { method: "dialog", class: "shortcuts" },
    element("h2", {}, translate("shortcuts.title")),
    element("dl", {}, ...rows),
    element("div", { class: "choices" }, element("button", { class: "plain", autofocus: true }, translate("page.close"))),
  );
  void showDialog(sheet, translate("shortcuts.title"));
}

/** @param {string} keys */
function keyCaps(keys) {
  return keys.split("-").map((key) => element("kbd", {}, key));
}

/** @param {HTMLFormElement} form @param {string} label @returns {Promise<string>} */
function showDialog(form, label) {
  const before = document.activeElement;
  const dialog = element("dialog", { "aria-label": label }, form);
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close("");
  });
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (before instanceof HTMLElement) before.focus();
      resolve(dialog.returnValue);
    });
  });
}
