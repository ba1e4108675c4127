/** The router: the conversation in view is in the address, and remembered for a reload. */

import { writeItem, readItem } from "./storage.js";

/** Return the conversation of the address, else the last one of this tab. */
export function currentChat() {
  return new URLSearchParams(location.search).get("chat") ?? readItem("chat", sessionStorage) ?? "";
}

/** @param {string} chat @param {boolean} goes whether the browser's back button leads to the previous conversation */
export function setCurrentChat(chat, goes) {
  writeItem("chat", chat, sessionStorage);
  const address = new URL(location.href);
  if (address.searchParams.get("chat") === chat) return;
  address.searchParams.set("chat", chat);
  if (goes) history.pushState({ chat }, "", address);
  else history.replaceState({ chat }, "", address);
}
