/**
 * The texts of the page in its language.
 *
 * They come from the catalogue of the server (qwen_chat/i18n/catalog.json) and follow the same rules: arguments
 * stand in braces, and `count` chooses among plural forms.
 */

import { formatCount } from "./format.js";
import { language } from "./locale.js";

/** @typedef {keyof typeof import("../../../i18n/catalog.json")} Code */
/** @typedef {string | {zero?: string, one?: string, other: string}} Form */
/** @typedef {string | number | import("./types.js").CatalogText} Argument */
/** @typedef {Record<string, Argument>} Arguments */

/** @type {Record<string, Form>} */
const catalog = await loadCatalog();

/** Return a text of the page. @param {Code} code @param {Arguments} [values] @returns {string} */
export function translate(code, values = {}) {
  return render(code, values);
}

/**
 * Return a text that the server sent; one without a code is shown as it is.
 *
 * @param {import("./types.js").CatalogText} sent
 * @returns {string}
 */
export function translateText({ text, code, arguments: values }) {
  return Object.hasOwn(catalog, code) ? render(code, values) : text;
}

/** @param {string} code @param {Arguments} values @returns {string} */
function render(code, values) {
  const template = pluralForm(catalog[code] ?? code, values.count);
  return template.replace(/\{(\w+)\}/g, (whole, name) => format(values[name] ?? whole));
}

/** @param {Form} form @param {Argument | undefined} number */
function pluralForm(form, number) {
  if (typeof form === "string") return form;
  if (number === 0) return form.zero ?? form.other;
  return (number === 1 && form.one) || form.other;
}

/** @param {Argument} value @returns {string} */
function format(value) {
  if (typeof value === "number") return formatCount(value);
  return typeof value === "string" ? value : translateText(value);
}

async function loadCatalog() {
  const address = new URL(`../catalog/${language}.json`, import.meta.url);
  return (await fetch(address)).json();
}
