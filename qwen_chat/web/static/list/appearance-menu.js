/** The menu that chooses light, dark or the system's appearance; boot.js applies it before the page is drawn. */

import { writeItem, readItem } from "../lib/storage.js";
import { openMenu } from "../lib/menu.js";
import { translate } from "../lib/translate.js";

/** Open the menu at a button. @param {HTMLElement} button */
export function chooseAppearance(button) {
  const now = readItem("appearance") ?? "";
  const choice = (/** @type {string} */ name, /** @type {string} */ sign, /** @type {string} */ label) => ({
    label,
    icon: name === now ? "check" : sign,
    act: () => {
      writeItem("appearance", name);
      document.dispatchEvent(new Event("qwen-chat:appearance"));
    },
  });
  openMenu(button, [
    choice("", "auto", translate("sidebar.system")),
    choice("light", "sun", translate("sidebar.light")),
    choice("dark", "moon", translate("sidebar.dark")),
  ]);
}
