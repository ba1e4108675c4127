/** Every word that the page's own script shows, in the language of the page. */

import { chinese } from "./chinese.js";
import { english } from "./english.js";
import { language } from "./locale.js";

export const words = language === "zh" ? chinese : english;

/**
 * Say something; `parts` are what a sentence is made with.
 *
 * @param {keyof typeof english} key
 * @param {...any} parts
 * @returns {string}
 */
export function say(key, ...parts) {
  const found = words[key];
  return typeof found === "function" ? /** @type {(...parts: any[]) => string} */ (found)(...parts) : String(found);
}
