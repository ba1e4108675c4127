/** What the server says, in the language of the page; what has no words here stays in English. */

import { language } from "./locale.js";
import { serverChinese } from "./server-chinese.js";

const KNOWN = Object.entries(serverChinese).map(([english, chinese]) => ({ pattern: patternOf(english), chinese }));

/** @param {string} text one line @returns {string} */
export function told(text) {
  if (language !== "zh") return text;
  for (const { pattern, chinese } of KNOWN) {
    const found = pattern.exec(text);
    // A fault may be told within another.
    if (found) return chinese.replace(/\{(\d)\}/g, (_, number) => told(found[number] ?? ""));
  }
  return text;
}

/** @param {string} english */
function patternOf(english) {
  const parts = english.split(/\{\d\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join("(.+?)")}$`);
}
