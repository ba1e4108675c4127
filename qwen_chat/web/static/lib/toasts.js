/** Lines that are said once: a notice goes away by itself, a fault stays until it was seen. */

import { element } from "./dom.js";
import { icon } from "./icons.js";
import { tool } from "./buttons.js";
import { translate } from "./translate.js";

const NOTICE_SECONDS = 8;
const MOST_SHOWN = 4;

// Two regions that are there from the start: a screen reader says what is put into them.
const notices = element("div", { class: "toasts", role: "status", "aria-live": "polite" });
const faults = element("div", { class: "toasts", role: "alert", "aria-live": "assertive" });
const spoken = element("div", { class: "unseen", role: "status", "aria-live": "polite" });

/** Put the places for what is said into the page. */
export function mountToasts() {
  document.body.append(element("div", { class: "toast-corner" }, faults, notices), spoken);
}

/** Say a notice. @param {string} text */
export function tell(text) {
  show(notices, "info", text, NOTICE_SECONDS);
}

/** Say what went wrong. @param {unknown} fault */
export function warn(fault) {
  show(faults, "warning", fault instanceof Error ? fault.message : String(fault), 0);
}

/** Say something to those who do not see the page. @param {string} text */
export function announce(text) {
  spoken.textContent = text;
}

/** Do something, and say it when it goes wrong. @template T @param {Promise<T>} work @returns {Promise<T | undefined>} */
export async function attempt(work) {
  try {
    return await work;
  } catch (fault) {
    warn(fault);
    return undefined;
  }
}

/** @param {HTMLElement} region @param {string} sign @param {string} text @param {number} seconds 0 is until closed */
function show(region, sign, text, seconds) {
  for (const each of region.children) if (each.querySelector("p")?.textContent === text) each.remove();
  const close = tool("close", translate("page.close"), () => toast.remove());
  const toast = element("div", { class: `toast ${sign}` }, icon(sign), element("p", { dir: "auto" }, text), close);
  region.append(toast);
  while (region.children.length > MOST_SHOWN) region.firstElementChild?.remove();
  if (seconds) fade(toast, seconds);
}

/** Take a toast away after a while in which nobody looks at it. @param {HTMLElement} toast @param {number} seconds */
function fade(toast, seconds) {
  let timer = 0;
  const start = () => {
    timer = window.setTimeout(() => toast.remove(), seconds * 1000);
  };
  toast.addEventListener("pointerenter", () => clearTimeout(timer));
  toast.addEventListener("pointerleave", start);
  start();
}
