/** Light, dark, or as the system; early.js puts it on before the page is drawn. */

import { keep, kept } from "./keeping.js";
import { openMenu } from "./menu.js";
import { say } from "./words.js";

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
    choice("", "auto", say("system")),
    choice("light", "sun", say("light")),
    choice("dark", "moon", say("dark")),
  ]);
}
