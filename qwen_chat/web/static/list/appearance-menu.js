/** Light, dark, or as the system; boot.js puts it on before the page is drawn. */

import { keep, kept } from "../lib/storage.js";
import { openMenu } from "../lib/menu.js";
import { translate } from "../lib/translate.js";

/** Let the appearance be chosen at a button. @param {HTMLElement} button */
export function chooseAppearance(button) {
  const now = kept("appearance") ?? "";
  const choice = (/** @type {string} */ name, /** @type {string} */ sign, /** @type {string} */ label) => ({
    label,
    icon: name === now ? "check" : sign,
    act: () => {
      keep("appearance", name);
      document.dispatchEvent(new Event("qwen-chat:appearance"));
    },
  });
  openMenu(button, [
    choice("", "auto", translate("sidebar.system")),
    choice("light", "sun", translate("sidebar.light")),
    choice("dark", "moon", translate("sidebar.dark")),
  ]);
}
