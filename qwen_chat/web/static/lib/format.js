/** Numbers and moments as people read them. */

import { language } from "./locale.js";

const plain = new Intl.NumberFormat(language);
const tenths = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** @param {number} value */
export function count(value) {
  return plain.format(value);
}

/** Say a number with one digit after the point, or none when it is large. @param {number} value */
export function amount(value) {
  return value >= 100 ? plain.format(Math.round(value)) : tenths.format(value);
}

/** @param {number} seconds since 1970 */
export function moment(seconds) {
  return new Date(seconds * 1000).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
}
