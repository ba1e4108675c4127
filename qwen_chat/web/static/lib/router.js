/** Which conversation is in view: in the address, and remembered for a reload. */

import { keep, kept } from "./storage.js";

/** The conversation that the address names, else the one that this tab had. */
export function chatInView() {
  return new URLSearchParams(location.search).get("chat") ?? kept("chat", sessionStorage) ?? "";
}

/** @param {string} chat @param {boolean} goes whether going back leads to the one before */
export function putInView(chat, goes) {
  keep("chat", chat, sessionStorage);
  const address = new URL(location.href);
  if (address.searchParams.get("chat") === chat) return;
  address.searchParams.set("chat", chat);
  if (goes) history.pushState({ chat }, "", address);
  else history.replaceState({ chat }, "", address);
}
