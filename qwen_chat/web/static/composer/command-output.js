/** The output of a command, shown above the composer until the next message is sent. */

import { element } from "../lib/dom.js";
import { iconButton } from "../lib/buttons.js";
import { translate } from "../lib/translate.js";

export class Output {
  /** @param {HTMLElement} anchor */
  constructor(anchor) {
    this.text = element("pre", { tabindex: "0", dir: "auto", "aria-label": translate("page.command_output") });
    this.node = element("div", { class: "output", role: "status", hidden: true }, this.text, iconButton("close", translate("page.close"), () => this.hide()));
    anchor.prepend(this.node);
  }

  /** @param {string} text */
  show(text) {
    this.text.textContent = text;
    this.node.hidden = !text;
    this.text.scrollTop = 0;
  }

  hide() {
    this.show("");
  }
}
