/** Scrolling that stays at the end for a reader who is there, and leaves everyone else where they are. */

import { element } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { translate } from "../lib/translate.js";

const NEAR = 32;
const MARKED_SECONDS = 2.5;

export class Scroll {
  /** @param {HTMLElement} box what scrolls @param {HTMLElement} inner what is in it */
  constructor(box, inner) {
    this.box = box;
    this.atEnd = true;
    this.top = 0;
    /** Whether what counts is at the end; where nothing was said yet it is at the top. */
    this.ends = true;
    this.button = element("button", { type: "button", class: "to-end", title: translate("chat.to_end"), "aria-label": translate("chat.to_end"), hidden: true }, icon("down"));
    this.button.addEventListener("click", () => this.toEnd());
    // Who unfolds something wants to read it, not what is below.
    inner.addEventListener("click", (event) => {
      if (event.target instanceof Element && event.target.closest("summary, [aria-expanded]")) this.stay();
    });
    box.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    // Also what grows by itself: a folded thought that is opened, a window made narrower.
    const sizes = new ResizeObserver(() => this.follow());
    sizes.observe(inner);
    sizes.observe(box);
  }

  /** Stay at the end, if the reader is there. */
  follow() {
    if (this.atEnd && this.ends) this.box.scrollTop = this.box.scrollHeight;
  }

  /** Stay here, whatever comes. */
  stay() {
    this.atEnd = false;
    requestAnimationFrame(() => this.#scrolled());
  }

  toEnd() {
    this.atEnd = true;
    if (!this.ends) this.box.scrollTop = 0;
    this.button.hidden = true;
    this.follow();
  }

  /** Bring an element into sight, stay there, and mark it for a moment; the keyboard goes on from it. @param {HTMLElement} node */
  reveal(node) {
    this.atEnd = false;
    node.scrollIntoView({ block: "start" });
    node.tabIndex = -1;
    node.focus({ preventScroll: true });
    node.classList.add("found");
    setTimeout(() => node.classList.remove("found"), MARKED_SECONDS * 1000);
  }

  /** Do something above what is seen, which stays where it is. @param {() => void} work */
  keeping(work) {
    const before = this.box.scrollHeight - this.box.scrollTop;
    work();
    this.box.scrollTop = this.box.scrollHeight - before;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.box;
    const near = scrollHeight - scrollTop - clientHeight < NEAR;
    // Only a reader scrolls up; a text that grew moves nothing.
    if (near) this.atEnd = true;
    else if (scrollTop < this.top) this.atEnd = false;
    this.top = scrollTop;
    this.button.hidden = this.atEnd || !this.ends;
  }
}
