/** What keys do wherever the focus is. */

import { showShortcuts } from "./dialogs.js";
import { isTyping } from "./dom.js";

/**
 * @typedef {object} KeyDeeds
 * @property {() => void} search
 * @property {() => void} toggleList
 * @property {() => void} begin
 * @property {() => void} escape
 */

/** @param {KeyDeeds} deeds @param {Document} [where] */
export function listenToKeys(deeds, where = document) {
  where.addEventListener("keydown", (event) => {
    if (event.isComposing || event.defaultPrevented) return;
    const act = meant(event, deeds);
    if (!act) return;
    event.preventDefault();
    act();
  });
}

/** @param {KeyboardEvent} event @param {KeyDeeds} deeds @returns {(() => void) | undefined} */
function meant(event, deeds) {
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (event.altKey) return undefined;
    if (event.shiftKey) return key === "o" ? deeds.begin : undefined;
    return { k: deeds.search, b: deeds.toggleList }[key];
  }
  // An open menu or dialog closes by itself.
  if (key === "escape" && !document.querySelector("dialog[open], :popover-open")) return deeds.escape;
  return key === "?" && !isTyping(event.target) ? showShortcuts : undefined;
}
