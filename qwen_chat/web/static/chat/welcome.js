/** The start of an empty conversation: a greeting, example questions and the gallery of roles. */

import { get } from "../lib/api.js";
import { element } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { language } from "../lib/locale.js";
import { attempt, showError } from "../lib/toasts.js";
import { labelledButton } from "../lib/buttons.js";
import { translate, translateText } from "../lib/translate.js";

/** @typedef {import("../lib/types.js").Role} Role */
/** @typedef {import("../lib/types.js").ChatView} ChatView */

const USES = /** @type {const} */ ({
  "role play": "welcome.role_play",
  "language style": "welcome.language_style",
  "task setting": "welcome.task_setting",
  "behaviour setting": "welcome.behaviour_setting",
  other: "welcome.other",
});

export class Welcome {
  /** @param {HTMLElement} anchor @param {{fill: (text: string) => void, begin: (role: string) => void}} actions */
  constructor(anchor, actions) {
    this.actions = actions;
    this.node = element("section", { class: "welcome", "aria-label": translate("welcome.hello"), hidden: true });
    this.drawn = "";
    anchor.append(this.node);
  }

  /** Show or hide the welcome; `unasked` when the conversation has no question yet. @param {ChatView} chat @param {boolean} unasked */
  show(chat, unasked) {
    this.node.hidden = !unasked;
    const drawn = `${chat.id} ${chat.role?.name} ${chat.model.name}`;
    if (!unasked || drawn === this.drawn) return;
    this.drawn = drawn;
    this.#draw(chat);
  }

  /** @param {ChatView} chat */
  #draw(chat) {
    const examples = chat.examples.map((text) => translateText(text));
    const gallery = element("div", { class: "gallery" });
    this.node.replaceChildren();
    if (!chat.role) this.node.append(element("h2", { class: "hello" }, translate("welcome.hello")), this.#introduce(chat.model));
    this.node.append(this.#examples(examples));
    if (chat.role) this.node.append(labelledButton("other", translate("welcome.another_role"), (button) => this.#unfold(button, gallery), "another"));
    this.node.append(gallery);
    if (!chat.role) void this.#fill(gallery);
  }

  /** Say who answers, and where it runs. @param {import("../lib/types.js").ModelView} model */
  #introduce(model) {
    const about = translateText(model.about);
    const name = element("strong", { dir: "auto" }, model.name);
    return element("p", { class: "model-intro" }, name, about && ` · ${about}`, element("br", {}), translate("welcome.runs_here"));
  }

  /** @param {string[]} examples */
  #examples(examples) {
    const buttons = examples.map((text) => {
      const button = element("button", { type: "button", class: "example", dir: "auto" }, text);
      button.addEventListener("click", () => this.actions.fill(text));
      return element("li", {}, button);
    });
    return element("ul", { class: "examples", "aria-label": translate("welcome.examples") }, ...buttons);
  }

  /** @param {HTMLElement} button @param {HTMLElement} gallery */
  #unfold(button, gallery) {
    button.remove();
    void this.#fill(gallery);
  }

  /** @param {HTMLElement} gallery */
  async #fill(gallery) {
    const found = await attempt(get("chat/roles"));
    if (!found) return;
    found.faults.forEach(showError);
    const roles = /** @type {Role[]} */ (found.roles);
    const near = roles.filter((role) => !role.language || role.language === language);
    const far = roles.filter((role) => role.language && role.language !== language);
    gallery.replaceChildren(element("h2", { class: "quiet" }, translate("welcome.roles")), ...this.#groups(near));
    if (far.length) {
      gallery.append(element("details", {}, element("summary", {}, translate("welcome.other_roles")), ...this.#groups(far)));
    }
  }

  /** @param {Role[]} roles */
  #groups(roles) {
    return Object.entries(USES).flatMap(([use, title]) => {
      const these = roles.filter((role) => (Object.hasOwn(USES, role.use) ? role.use : "other") === use);
      if (!these.length) return [];
      const heading = element("h3", {}, icon(use), translate(title));
      return element("section", {}, heading, element("ul", { class: "cards" }, ...these.map((role) => this.#card(role))));
    });
  }

  /** @param {Role} role */
  #card(role) {
    const line = firstLine(role.greeting) || firstLine(role.system);
    const button = element(
      "button",
      { type: "button", class: "card", lang: role.language || false },
      element("span", { class: "name", dir: "auto" }, role.title || role.name),
      element("span", { class: "line", dir: "auto" }, line),
    );
    button.addEventListener("click", () => this.actions.begin(role.name));
    return element("li", {}, button);
  }
}

/** Return the first line of a text, without Markdown characters. @param {string} text */
function firstLine(text) {
  return (text.trim().split("\n", 1)[0] ?? "").replace(/[*_`#]/g, "");
}
