/** The two sidebars. */

import { element } from "./dom.js";
import { keep, kept } from "./storage.js";
import { tool } from "./buttons.js";
import { translate } from "./translate.js";

const narrow = matchMedia("(max-width: 60rem)");

export class Sidebar {
  /** @param {HTMLElement} node @param {string} label @param {() => HTMLElement | null} opener who takes the focus when it closes */
  constructor(node, label, opener) {
    this.node = node;
    this.opener = opener;
    node.setAttribute("aria-label", label);
    this.scrim = element("div", { class: "scrim" });
    this.scrim.addEventListener("click", () => this.close());
    node.after(this.scrim);
    if (!narrow.matches && kept(`sidebar-${node.id}`) === "open") node.classList.add("open");
  }

  /** Say at its top what it is, beside a button that closes it. */
  addHead() {
    const { ariaLabel } = this.node;
    const head = element("div", { class: "side-head" }, element("h2", {}, ariaLabel), tool("close", translate("page.close"), () => this.close()));
    this.node.querySelector(".sidebar-content")?.prepend(head);
  }

  get isOpen() {
    return this.node.classList.contains("open");
  }

  /** Whether it lies over the conversation, as on a narrow screen. */
  get isOver() {
    return this.isOpen && narrow.matches;
  }

  open() {
    if (!this.isOpen) this.toggle();
  }

  close() {
    if (this.isOpen) this.toggle();
  }

  toggle() {
    const opens = this.node.classList.toggle("open");
    if (!narrow.matches) keep(`sidebar-${this.node.id}`, opens ? "open" : "closed");
    if (!opens) this.opener()?.focus();
    else if (narrow.matches) this.node.querySelector(FIRST)?.focus();
  }
}

const FIRST = /** @type {"button"} */ (".sidebar-content :is(button, a, input, textarea, select):not([hidden])");
