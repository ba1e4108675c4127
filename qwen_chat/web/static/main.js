/** Begins the page, once Gradio has made the frame that its parts stand in. */

import { appearing } from "./lib/dom.js";
import { language } from "./lib/locale.js";
import { Page } from "./page.js";
import { mountToasts } from "./lib/toasts.js";

/** Let what is said be the main part of the page; Gradio's would have the sidebars in it. @param {HTMLElement} talk */
function mark(talk) {
  talk.closest("main")?.setAttribute("role", "presentation");
  talk.setAttribute("role", "main");
}

document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
mountToasts();
const names = /** @type {const} */ (["left", "right", "chats", "head", "conversation", "composer"]);
const found = await Promise.all(names.map((name) => appearing(`#${name}`)));
const page = new Page(/** @type {any} */ (Object.fromEntries(names.map((name, at) => [name, found[at]]))));
mark(await appearing("#talk"));
document.documentElement.classList.add("ready");
await page.start();
