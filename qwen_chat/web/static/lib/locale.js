/** The locale of the page: the language that was chosen, else the browser's. */

import { writeItem, readItem } from "./storage.js";

/** @typedef {"en" | "zh"} Language */

/** @type {Language} */
export const language = (readItem("language") ?? navigator.language).startsWith("zh") ? "zh" : "en";

/** Switch to the other language; the page is reloaded, and drafts are kept. */
export function switchLanguage() {
  writeItem("language", language === "zh" ? "en" : "zh");
  location.reload();
}
