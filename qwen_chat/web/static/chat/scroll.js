/** Keeps the conversation scrolled to its end for readers who are there; for others the position does not move. */

import { element } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { translate } from "../lib/translate.js";

const NEAR = 32;
const MARKED_SECONDS = 2.5;

export class Scroll {
  /** @param {HTMLElement} box the scrolling element @param {HTMLElement} inner its content */
  constructor(box, inner) {
    this.box = box;
    this.atEnd = true;
    this.top = 0;
    /** Whether to show the end; an empty conversation shows its top. */
    this.ends = true;
    this.button = element("button", { type: "button", class: "to-end", title: translate("chat.to_end"), "aria-label": translate("chat.to_end"), hidden: true }, icon("down"));
    this.button.addEventListener("click", () => this.scrollToEnd());
    // A reader who unfolds something wants to read that, not the end.
    inner.addEventListener("click", (event) => {
      if (event.target instanceof Element && event.target.closest("summary, [aria-expanded]")) this.stay();
    });
    box.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    // The height also changes without a message: a thought unfolds, the window is resized.
    const sizes = new ResizeObserver(() => this.follow());
    sizes.observe(inner);
    sizes.observe(box);
  }

  /** Scroll to the end, if the reader was there. */
  follow() {
    if (this.atEnd && this.ends) this.box.scrollTop = this.box.scrollHeight;
  }

  /** Stay at this position while new text arrives. */
  stay() {
    this.atEnd = false;
    requestAnimationFrame(() => this.#scrolled());
  }

  scrollToEnd() {
    this.atEnd = true;
    if (!this.ends) this.box.scrollTop = 0;
    this.button.hidden = true;
    this.follow();
  }

  /** Scroll to an element, highlight it for a moment and focus it. @param {HTMLElement} node */
  reveal(node) {
    this.atEnd = false;
    node.scrollIntoView({ block: "start" });
    node.tabIndex = -1;
    node.focus({ preventScroll: true });
    node.classList.add("found");
    setTimeout(() => node.classList.remove("found"), MARKED_SECONDS * 1000);
  }

  /** Run `work`, which changes content above the visible part, without moving the visible part. @param {() => void} work */
  keepPosition(work) {
    const before = this.box.scrollHeight - this.box.scrollTop;
    work();
    this.box.scrollTop = this.box.scrollHeight - before;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.box;
    const near = scrollHeight - scrollTop - clientHeight < NEAR;
    // Only the reader scrolls up: growing text never does.
    if (near) this.atEnd = true;
    else if (scrollTop < this.top) this.atEnd = false;
    this.top = scrollTop;
    this.button.hidden = this.atEnd || !this.ends;
  }
}
