/** What was typed and not sent, kept for each conversation; of an incognito one nothing outlives the tab. */

import { keep, kept } from "../lib/storage.js";

/** @param {string} chat @returns {string} */
export function draftOf(chat) {
  return kept(`draft:${chat}`, sessionStorage) ?? kept(`draft:${chat}`) ?? "";
}

/** @param {string} chat @param {string} text @param {boolean} incognito */
export function keepDraft(chat, text, incognito) {
  keep(`draft:${chat}`, text, incognito ? sessionStorage : localStorage);
}

/** Forget what was typed. @param {string} chat */
export function forgetDraft(chat) {
  keep(`draft:${chat}`, "");
  keep(`draft:${chat}`, "", sessionStorage);
}

/** Return what was typed, and forget it. @param {string} chat @returns {string} */
export function takeDraft(chat) {
  const text = draftOf(chat);
  forgetDraft(chat);
  return text;
}
