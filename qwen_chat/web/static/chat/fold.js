/** A long text, folded until someone wants all of it. */

import { element } from "../lib/dom.js";
import { translate } from "../lib/translate.js";

const FOLDED_HEIGHT = 360;
/** What is hardly longer is not worth a fold. */
const TOO_LONG = 1.2 * FOLDED_HEIGHT;

export class Fold {
  /** @param {HTMLElement} text */
  constructor(text) {
    this.text = text;
    this.isWanted = false;
    this.button = element("button", { type: "button", class: "unfold" });
    this.button.addEventListener("click", () => this.#put(!this.text.classList.contains("folded")));
  }

  /** Fold the text if it is long, once it is drawn. */
  settle() {
    requestAnimationFrame(() => {
      if (this.button.isConnected || this.isWanted || this.text.scrollHeight <= TOO_LONG) return;
      this.text.after(this.button);
      this.#put(true);
    });
  }

  /** Let all of it be seen. */
  open() {
    this.isWanted = true;
    if (this.button.isConnected) this.#put(false);
  }

  /** @param {boolean} folded */
  #put(folded) {
    this.text.classList.toggle("folded", folded);
    this.button.textContent = translate(folded ? "chat.show_all" : "chat.show_less");
    this.button.setAttribute("aria-expanded", String(!folded));
  }
}
