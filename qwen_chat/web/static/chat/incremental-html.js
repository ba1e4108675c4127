/** A text that grows: finished blocks are put in once, only the open one is drawn again. */

import { element } from "../lib/dom.js";
import { dress } from "./code-blocks.js";

/** @typedef {import("../lib/types.js").Patch} Patch */

export class Growing {
  /** @param {HTMLElement} node */
  constructor(node) {
    this.node = node;
    this.tail = element("div", { class: "open" });
    this.closedHtml = "";
    this.openHtml = "";
    this.begun = false;
  }

  /** Forget what there is: the next patch tells it from the start. */
  restart() {
    this.begun = false;
  }

  /** @param {Patch} patch */
  take({ closed, keep, add }) {
    if (!this.begun) this.#begin();
    if (closed) {
      const before = this.tail.previousElementSibling;
      this.tail.insertAdjacentHTML("beforebegin", closed);
      this.closedHtml += closed;
      dress(before ? before.nextElementSibling : this.node.firstElementChild, this.tail);
    }
    const html = (closed ? "" : this.openHtml.slice(0, keep)) + add;
    if (html !== this.openHtml) this.tail.innerHTML = html;
    this.openHtml = html;
  }

  /** Put the final drawing in place; what is the same already is not touched. @param {string} html */
  finish(html) {
    if (this.begun && this.closedHtml + this.openHtml === html) {
      const first = this.tail.firstElementChild;
      this.tail.replaceWith(...this.tail.childNodes);
      dress(first, null);
    } else {
      draw(this.node, html);
    }
    this.begun = false;
  }

  #begin() {
    this.node.replaceChildren(this.tail);
    this.tail.replaceChildren();
    this.closedHtml = this.openHtml = "";
    this.begun = true;
  }
}

/** Draw a whole text. @param {HTMLElement} node @param {string} html sanitised on the server */
export function draw(node, html) {
  node.innerHTML = html;
  dress(node.firstElementChild, null);
}
