/** The choice whether the model thinks before it answers. */

import { element } from "../lib/dom.js";
import { showError } from "../lib/toasts.js";
import { translate } from "../lib/translate.js";

/** @typedef {import("../lib/types.js").ChatView} ChatView */

export class ThinkChoice {
  /** @param {(think: string) => Promise<void>} choose */
  constructor(choose) {
    this.chosen = "auto";
    const choices = { auto: translate("composer.think_auto"), on: translate("composer.think_on"), off: translate("composer.think_off") };
    const options = Object.entries(choices).map(([value, label]) => element("option", { value }, label));
    this.node = element("select", { class: "think", "aria-label": translate("composer.think"), hidden: true }, ...options);
    this.node.addEventListener("change", () => {
      choose(this.node.value).catch((fault) => {
        showError(fault);
        this.node.value = this.chosen;
      });
    });
  }

  /** Show the choice of a conversation, if its model can think. @param {ChatView} chat */
  show(chat) {
    this.chosen = chat.think;
    this.node.hidden = !chat.thinks;
    this.node.value = chat.think;
  }
}
