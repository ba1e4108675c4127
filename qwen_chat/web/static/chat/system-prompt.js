/** The system prompt at the top of a conversation; a change takes effect with the next answer. */

import { element, fitHeight } from "../lib/dom.js";
import { showNotice, showError } from "../lib/toasts.js";
import { translate } from "../lib/translate.js";

export class SystemPrompt {
  /** @param {HTMLElement} anchor @param {{save: (text: string) => Promise<void>, answers: () => number}} actions */
  constructor(anchor, actions) {
    this.actions = actions;
    this.text = "";
    this.first = element("span", { class: "first", dir: "auto" });
    this.area = element("textarea", { class: "field", rows: 2, "aria-label": translate("system_prompt.name"), dir: "auto" });
    this.hint = element("p", { class: "hint" });
    this.submit = element("button", { type: "submit", class: "solid" }, translate("page.save"));
    this.cancel = element("button", { type: "button", class: "plain" }, translate("page.cancel"));
    const form = element("form", {}, this.area, element("div", { class: "choices" }, this.hint, this.cancel, this.submit));
    this.details = element("details", { class: "system" }, element("summary", {}, translate("system_prompt.name"), this.first), form);
    anchor.append(this.details);
    this.details.addEventListener("toggle", () => this.#refreshHint());
    this.area.addEventListener("input", () => this.#update());
    this.cancel.addEventListener("click", () => this.#reset());
    form.addEventListener("submit", (event) => void this.#save(event));
  }

  /** Show the system prompt in force, unless a person is editing it here. @param {string} text */
  show(text) {
    const untouched = this.area.value === this.text;
    this.text = text;
    this.first.textContent = text.trim().split("\n", 1)[0] || translate("system_prompt.none");
    if (untouched) this.#reset();
  }

  #reset() {
    this.area.value = this.text;
    this.#update();
  }

  #refreshHint() {
    this.hint.textContent = translate("system_prompt.hint", { count: this.actions.answers() });
    if (this.details.open) fitHeight(this.area);
  }

  #update() {
    const same = this.area.value === this.text;
    this.submit.hidden = this.cancel.hidden = same;
    if (this.details.open) fitHeight(this.area);
  }

  /** @param {Event} event */
  async #save(event) {
    event.preventDefault();
    const text = this.area.value;
    try {
      await this.actions.save(text);
      this.text = text;
      this.#update();
      const answers = this.actions.answers();
      showNotice(answers ? translate("system_prompt.changed", { answer: answers + 1 }) : translate("system_prompt.set"));
    } catch (fault) {
      showError(fault);
    }
  }
}
