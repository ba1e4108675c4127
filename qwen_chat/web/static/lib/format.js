/** Numbers and times in the format of the page's language. */

import { language } from "./locale.js";

const plain = new Intl.NumberFormat(language);
const tenths = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** @param {number} value */
export function formatCount(value) {
  return plain.format(value);
}

/** Return a number with one decimal, or none from 100 on. @param {number} value */
export function formatAmount(value) {
  return value >= 100 ? plain.format(Math.round(value)) : tenths.format(value);
}

/** @param {number} seconds since 1970 */
export function formatTime(seconds) {
  return new Date(seconds * 1000).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
}
