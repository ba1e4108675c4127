/** Renders text that is still being written: finished blocks are inserted once, only the last block is rendered again. */

import { element } from "../lib/dom.js";
import { decorate } from "./code-blocks.js";

/** @typedef {import("../lib/types.js").Patch} Patch */

export class IncrementalHtml {
  /** @param {HTMLElement} node */
  constructor(node) {
    this.node = node;
    this.tail = element("div", { class: "open" });
    this.closedHtml = "";
    this.openHtml = "";
    this.isStarted = false;
  }

  /** Start over: the next patch describes the whole text. */
  restart() {
    this.isStarted = false;
  }

  /** @param {Patch} patch */
  apply({ closed, keep, add }) {
    if (!this.isStarted) this.#start();
    if (closed) {
      const before = this.tail.previousElementSibling;
      this.tail.insertAdjacentHTML("beforebegin", closed);
      this.closedHtml += closed;
      decorate(before ? before.nextElementSibling : this.node.firstElementChild, this.tail);
    }
    const html = (closed ? "" : this.openHtml.slice(0, keep)) + add;
    if (html !== this.openHtml) this.tail.innerHTML = html;
    this.openHtml = html;
  }

  /** Show the final HTML; if it is the same already, the nodes stay. @param {string} html */
  finish(html) {
    if (this.isStarted && this.closedHtml + this.openHtml === html) {
      const first = this.tail.firstElementChild;
      this.tail.replaceWith(...this.tail.childNodes);
      decorate(first, null);
    } else {
      renderHtml(this.node, html);
    }
    this.isStarted = false;
  }

  #start() {
    this.node.replaceChildren(this.tail);
    this.tail.replaceChildren();
    this.closedHtml = this.openHtml = "";
    this.isStarted = true;
  }
}

/** Render a whole text. @param {HTMLElement} node @param {string} html sanitised on the server */
export function renderHtml(node, html) {
  node.innerHTML = html;
  decorate(node.firstElementChild, null);
}
