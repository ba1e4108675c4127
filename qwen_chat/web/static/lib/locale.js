/** The language of the page: the one that was chosen, else the browser's. */

import { keep, kept } from "./storage.js";

/** @typedef {"en" | "zh"} Language */

/** @type {Language} */
export const language = (kept("language") ?? navigator.language).startsWith("zh") ? "zh" : "en";

/** Change the language; the page is drawn anew, and nothing is lost by it. */
export function switchLanguage() {
  keep("language", language === "zh" ? "en" : "zh");
  location.reload();
}
