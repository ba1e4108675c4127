/** The two sidebars. */

import { element } from "./dom.js";
import { writeItem, readItem } from "./storage.js";
import { iconButton } from "./buttons.js";
import { translate } from "./translate.js";

const narrowScreen = matchMedia("(max-width: 60rem)");

export class Sidebar {
  /** @param {HTMLElement} node @param {string} label @param {() => HTMLElement | null} opener the element that gets the focus when it closes */
  constructor(node, label, opener) {
    this.node = node;
    this.opener = opener;
    node.setAttribute("aria-label", label);
    this.scrim = element("div", { class: "scrim" });
    this.scrim.addEventListener("click", () => this.close());
    node.after(this.scrim);
    if (!narrowScreen.matches && readItem(`sidebar-${node.id}`) === "open") node.classList.add("open");
  }

  /** Add a heading and a button that closes the sidebar. */
  addHead() {
    const { ariaLabel } = this.node;
    const head = element("div", { class: "side-head" }, element("h2", {}, ariaLabel), iconButton("close", translate("page.close"), () => this.close()));
    this.node.querySelector(".sidebar-content")?.prepend(head);
  }

  get isOpen() {
    return this.node.classList.contains("open");
  }

  /** Whether the sidebar covers the conversation, as on a narrow screen. */
  get isOver() {
    return this.isOpen && narrowScreen.matches;
  }

  open() {
    if (!this.isOpen) this.toggle();
  }

  close() {
    if (this.isOpen) this.toggle();
  }

  toggle() {
    const opens = this.node.classList.toggle("open");
    if (!narrowScreen.matches) writeItem(`sidebar-${this.node.id}`, opens ? "open" : "closed");
    if (!opens) this.opener()?.focus();
    else if (narrowScreen.matches) this.node.querySelector(FIRST)?.focus();
  }
}

const FIRST = /** @type {"button"} */ (".sidebar-content :is(button, a, input, textarea, select):not([hidden])");
