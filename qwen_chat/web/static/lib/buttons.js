/** Buttons in the style of the page. */

import { element } from "./dom.js";
import { icon } from "./icons.js";

/** @typedef {(button: HTMLButtonElement) => void} Act */

/**
 * Make a button with an icon; its label is a tooltip, and read out by screen readers.
 * @param {string} sign @param {string} label @param {Act} act @param {string} [kind]
 */
export function iconButton(sign, label, act, kind = "") {
  const attributes = { type: "button", class: `tool ${kind}`.trim(), title: label, "aria-label": label };
  const button = element("button", attributes, icon(sign));
  button.addEventListener("click", () => act(button));
  return button;
}

/**
 * Make a button with an icon and a visible label.
 * @param {string} sign @param {string} label @param {Act} act @param {string} [kind]
 */
export function labelledButton(sign, label, act, kind = "") {
  const button = element("button", { type: "button", class: `labelled ${kind}`.trim() }, icon(sign), element("span", {}, label));
  button.addEventListener("click", () => act(button));
  return button;
}
