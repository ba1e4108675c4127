/** Buttons that are made the same way everywhere. */

import { element } from "./dom.js";
import { icon } from "./icons.js";

/**
 * Make a button that shows an icon and says what it does.
 *
 * @param {string} sign
 * @param {string} label
 * @param {(button: HTMLButtonElement) => void} act
 * @param {string} [kind]
 */
export function tool(sign, label, act, kind = "") {
  const attributes = { type: "button", class: `tool ${kind}`.trim(), title: label, "aria-label": label };
  const button = element("button", attributes, icon(sign));
  button.addEventListener("click", () => act(button));
  return button;
}

/** Make a button with an icon and its word. @param {string} sign @param {string} label @param {(button: HTMLButtonElement) => void} act @param {string} [kind] */
export function labelled(sign, label, act, kind = "") {
  const button = element("button", { type: "button", class: `labelled ${kind}`.trim() }, icon(sign), element("span", {}, label));
  button.addEventListener("click", () => act(button));
  return button;
}
