/** Menus that open at a button; arrow keys move, Esc or a click elsewhere closes. */

import { element } from "./dom.js";
import { icon } from "./icons.js";

/**
 * @typedef {object} Item
 * @property {string} label
 * @property {string} [icon]
 * @property {boolean} [grave] shown as a dangerous entry
 * @property {string} [download] the address of a file to download
 * @property {() => void} [act]
 */

const GAP = 4;
const MARGIN = 8;

/** @type {HTMLElement | null} */
let open = null;

/** Open a menu at a button, or close it if it is open there. @param {HTMLElement} button @param {Item[]} items */
export function openMenu(button, items) {
  const reopened = open?.dataset.of !== button.id || !button.id;
  open?.hidePopover();
  if (!reopened) return;
  const menu = element("div", { class: "menu", role: "menu", popover: "auto" }, ...items.map(menuItem));
  menu.dataset.of = button.id;
  menu.addEventListener("keydown", handleKey);
  menu.addEventListener("click", () => menu.hidePopover());
  menu.addEventListener("toggle", (event) => {
    if (/** @type {ToggleEvent} */ (event).newState === "closed") handleClose(menu, button);
  });
  // Screen readers find the menu near its button, though it is drawn above everything.
  (button.closest("[role=main], [role=navigation]") ?? document.body).append(menu);
  menu.showPopover();
  positionMenu(menu, button.getBoundingClientRect());
  button.setAttribute("aria-expanded", "true");
  open = menu;
  /** @type {HTMLElement} */ (menu.firstElementChild).focus();
}

/** @param {Item} item */
function menuItem(item) {
  const attributes = { role: "menuitem", class: item.grave ? "entry grave" : "entry" };
  const children = [item.icon && icon(item.icon), element("span", {}, item.label)];
  if (item.download) return element("a", { ...attributes, href: item.download, download: true }, ...children);
  return element("button", { ...attributes, type: "button", onclick: item.act }, ...children);
}

/** @param {HTMLElement} menu @param {DOMRect} at */
function positionMenu(menu, at) {
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = at.bottom + GAP;
  const top = below + height > innerHeight - MARGIN ? at.top - height - GAP : below;
  menu.style.top = `${Math.max(MARGIN, top)}px`;
  menu.style.left = `${Math.max(MARGIN, Math.min(at.left, innerWidth - width - MARGIN))}px`;
}

/** @param {HTMLElement} menu @param {HTMLElement} button */
function handleClose(menu, button) {
  const within = menu.contains(document.activeElement) || document.activeElement === document.body;
  menu.remove();
  if (open === menu) open = null;
  button.setAttribute("aria-expanded", "false");
  if (within) button.focus();
}

/** @param {KeyboardEvent} event */
function handleKey(event) {
  const menu = /** @type {HTMLElement} */ (event.currentTarget);
  const entries = /** @type {HTMLElement[]} */ ([...menu.children]);
  const at = entries.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (event.key === "Tab") menu.hidePopover();
  if (to === undefined) return;
  event.preventDefault();
  entries.at(to % entries.length)?.focus();
}
