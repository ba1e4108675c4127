/** Starts the page. */

import { language } from "./lib/locale.js";
import { mountToasts } from "./lib/toasts.js";
import { Page } from "./page.js";

/** @param {string} id @returns {HTMLElement} */
function part(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
mountToasts();
const names = /** @type {const} */ (["left", "right", "chats", "head", "conversation", "composer", "settings"]);
const page = new Page(/** @type {any} */ (Object.fromEntries(names.map((name) => [name, part(name)]))));
document.documentElement.classList.add("ready");
await page.start();
