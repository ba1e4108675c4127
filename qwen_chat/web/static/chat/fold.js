/** Folds a long text until the reader unfolds it. */

import { element } from "../lib/dom.js";
import { translate } from "../lib/translate.js";

const FOLDED_HEIGHT = 360;
/** A text that is only a little longer stays unfolded. */
const TOO_LONG = 1.2 * FOLDED_HEIGHT;

export class Fold {
  /** @param {HTMLElement} text */
  constructor(text) {
    this.text = text;
    this.isOpened = false;
    this.button = element("button", { type: "button", class: "unfold" });
    this.button.addEventListener("click", () => this.#setFolded(!this.text.classList.contains("folded")));
  }

  /** Fold the text if it is long, after it was rendered. */
  foldIfLong() {
    requestAnimationFrame(() => {
      if (this.button.isConnected || this.isOpened || this.text.scrollHeight <= TOO_LONG) return;
      this.text.after(this.button);
      this.#setFolded(true);
    });
  }

  /** Unfold the text. */
  open() {
    this.isOpened = true;
    if (this.button.isConnected) this.#setFolded(false);
  }

  /** @param {boolean} folded */
  #setFolded(folded) {
    this.text.classList.toggle("folded", folded);
    this.button.textContent = translate(folded ? "chat.show_all" : "chat.show_less");
    this.button.setAttribute("aria-expanded", String(!folded));
  }
}
