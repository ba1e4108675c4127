/** The system prompt at the top of a conversation: seen, and changed from the next answer on. */

import { element, fit } from "../lib/dom.js";
import { tell, warn } from "../lib/toasts.js";
import { translate } from "../lib/translate.js";

export class SystemPrompt {
  /** @param {HTMLElement} anchor @param {{save: (text: string) => Promise<void>, answers: () => number}} deeds */
  constructor(anchor, deeds) {
    this.deeds = deeds;
    this.text = "";
    this.first = element("span", { class: "first", dir: "auto" });
    this.area = element("textarea", { class: "field", rows: 2, "aria-label": translate("system_prompt.name"), dir: "auto" });
    this.hint = element("p", { class: "hint" });
    this.submit = element("button", { type: "submit", class: "solid" }, translate("page.save"));
    this.cancel = element("button", { type: "button", class: "plain" }, translate("page.cancel"));
    const form = element("form", {}, this.area, element("div", { class: "choices" }, this.hint, this.cancel, this.submit));
    this.details = element("details", { class: "system" }, element("summary", {}, translate("system_prompt.name"), this.first), form);
    anchor.append(this.details);
    this.details.addEventListener("toggle", () => this.#fresh());
    this.area.addEventListener("input", () => this.#changed());
    this.cancel.addEventListener("click", () => this.#reset());
    form.addEventListener("submit", (event) => void this.#save(event));
  }

  /** Show the prompt in force; one that is being written here is left alone. @param {string} text */
  show(text) {
    const untouched = this.area.value === this.text;
    this.text = text;
    this.first.textContent = text.trim().split("\n", 1)[0] || translate("system_prompt.none");
    if (untouched) this.#reset();
  }

  #reset() {
    this.area.value = this.text;
    this.#changed();
  }

  #fresh() {
    this.hint.textContent = translate("system_prompt.hint", { count: this.deeds.answers() });
    if (this.details.open) fit(this.area);
  }

  #changed() {
    const same = this.area.value === this.text;
    this.submit.hidden = this.cancel.hidden = same;
    if (this.details.open) fit(this.area);
  }

  /** @param {Event} event */
  async #save(event) {
    event.preventDefault();
    const text = this.area.value;
    try {
      await this.deeds.save(text);
      this.text = text;
      this.#changed();
      const answers = this.deeds.answers();
      tell(answers ? translate("system_prompt.changed", { answer: answers + 1 }) : translate("system_prompt.set"));
    } catch (fault) {
      warn(fault);
    }
  }
}
