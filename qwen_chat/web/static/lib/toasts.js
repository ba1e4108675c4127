/** Toasts: a notice disappears by itself, an error stays until it is closed. */

import { element } from "./dom.js";
import { icon } from "./icons.js";
import { iconButton } from "./buttons.js";
import { translate } from "./translate.js";

const NOTICE_SECONDS = 8;
const MOST_SHOWN = 4;

// Screen readers announce what is added to live regions that are there from the start.
const notices = element("div", { class: "toasts", role: "status", "aria-live": "polite" });
const faults = element("div", { class: "toasts", role: "alert", "aria-live": "assertive" });
const spoken = element("div", { class: "unseen", role: "status", "aria-live": "polite" });

/** Add the live regions to the page. */
export function mountToasts() {
  document.body.append(element("div", { class: "toast-corner" }, faults, notices), spoken);
}

/** Show a notice. @param {string} text */
export function showNotice(text) {
  show(notices, "info", text, NOTICE_SECONDS);
}

/** Show an error. @param {unknown} fault */
export function showError(fault) {
  show(faults, "warning", fault instanceof Error ? fault.message : String(fault), 0);
}

/** Announce a text to screen readers only. @param {string} text */
export function announce(text) {
  spoken.textContent = text;
}

/** Wait for a promise, and show its error if it fails. @template T @param {Promise<T>} work @returns {Promise<T | undefined>} */
export async function attempt(work) {
  try {
    return await work;
  } catch (fault) {
    showError(fault);
    return undefined;
  }
}

/** @param {HTMLElement} region @param {string} sign @param {string} text @param {number} seconds 0 keeps it until it is closed */
function show(region, sign, text, seconds) {
  for (const each of region.children) if (each.querySelector("p")?.textContent === text) each.remove();
  const close = iconButton("close", translate("page.close"), () => toast.remove());
  const toast = element("div", { class: `toast ${sign}` }, icon(sign), element("p", { dir: "auto" }, text), close);
  region.append(toast);
  while (region.children.length > MOST_SHOWN) region.firstElementChild?.remove();
  if (seconds) fade(toast, seconds);
}

/** Remove a toast after some seconds in which the pointer is not on it. @param {HTMLElement} toast @param {number} seconds */
function fade(toast, seconds) {
  let timer = 0;
  const start = () => {
    timer = window.setTimeout(() => toast.remove(), seconds * 1000);
  };
  toast.addEventListener("pointerenter", () => clearTimeout(timer));
  toast.addEventListener("pointerleave", start);
  start();
}
