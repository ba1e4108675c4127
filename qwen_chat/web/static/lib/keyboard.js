/** Keyboard shortcuts of the whole page. */

import { showShortcuts } from "./dialogs.js";
import { isTyping } from "./dom.js";

/**
 * @typedef {object} KeyActions
 * @property {() => void} search
 * @property {() => void} toggleList
 * @property {() => void} begin
 * @property {() => void} escape
 */

/** @param {KeyActions} actions @param {Document} [where] */
export function listenToKeys(actions, where = document) {
  where.addEventListener("keydown", (event) => {
    if (event.isComposing || event.defaultPrevented) return;
    const act = findAction(event, actions);
    if (!act) return;
    event.preventDefault();
    act();
  });
}

/** @param {KeyboardEvent} event @param {KeyActions} actions @returns {(() => void) | undefined} */
function findAction(event, actions) {
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (event.altKey) return undefined;
    if (event.shiftKey) return key === "o" ? actions.begin : undefined;
    return { k: actions.search, b: actions.toggleList }[key];
  }
  // Escape closes an open menu or dialog without our help.
  if (key === "escape" && !document.querySelector("dialog[open], :popover-open")) return actions.escape;
  return key === "?" && !isTyping(event.target) ? showShortcuts : undefined;
}
