/** Drafts: unsent text, stored for each conversation; drafts of incognito conversations end with the tab. */

import { writeItem, readItem } from "../lib/storage.js";

/** @param {string} chat @returns {string} */
export function readDraft(chat) {
  return readItem(`draft:${chat}`, sessionStorage) ?? readItem(`draft:${chat}`) ?? "";
}

/** @param {string} chat @param {string} text @param {boolean} incognito */
export function saveDraft(chat, text, incognito) {
  writeItem(`draft:${chat}`, text, incognito ? sessionStorage : localStorage);
}

/** Delete the draft of a conversation. @param {string} chat */
export function deleteDraft(chat) {
  writeItem(`draft:${chat}`, "");
  writeItem(`draft:${chat}`, "", sessionStorage);
}

/** Return the draft of a conversation, and delete it. @param {string} chat @returns {string} */
export function takeDraft(chat) {
  const text = readDraft(chat);
  deleteDraft(chat);
  return text;
}
