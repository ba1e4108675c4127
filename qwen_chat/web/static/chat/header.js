/** The header of a conversation: its title, the model, and how full the context window is. */

import { element } from "../lib/dom.js";
import { exportItems } from "../list/export-menu.js";
import { icon } from "../lib/icons.js";
import { openMenu } from "../lib/menu.js";
import { formatCount } from "../lib/format.js";
import { editInline } from "../lib/inline-rename.js";
import { attempt } from "../lib/toasts.js";
import { iconButton } from "../lib/buttons.js";
import { translate, translateText } from "../lib/translate.js";

/** @typedef {import("../lib/types.js").ChatView} ChatView */

/**
 * @typedef {object} HeaderActions
 * @property {(title: string) => Promise<void>} rename
 * @property {() => void} toggleList
 * @property {() => void} toggleSettings
 * @property {() => void} begin
 */

export class Header {
  /** @param {HTMLElement} anchor @param {HeaderActions} actions */
  constructor(anchor, actions) {
    this.actions = actions;
    this.title = element("button", { type: "button", class: "title", dir: "auto", title: translate("list.rename") });
    this.facts = element("p", { class: "about" });
    this.gauge = element("div", { class: "gauge", role: "meter", "aria-valuemin": 0, tabindex: 0, hidden: true }, element("span", {}), element("i", {}, element("b", {})));
    this.exporting = iconButton("download", translate("list.export"), (button) => this.chat && openMenu(button, exportItems(this.chat.id)));
    this.exporting.id = "export";
    this.exporting.setAttribute("aria-haspopup", "menu");
    this.title.addEventListener("click", () => void this.#rename());
    this.list = iconButton("sidebar", translate("header.show_list"), actions.toggleList, "of-list");
    this.settings = iconButton("sliders", translate("page.settings"), actions.toggleSettings, "of-settings");
    anchor.append(
      element(
        "header",
        { class: "head" },
        this.list,
        iconButton("plus", translate("header.new_chat"), actions.begin, "of-new"),
        element("div", { class: "names" }, element("h1", {}, this.title), this.facts),
        this.gauge,
        this.exporting,
        this.settings,
      ),
    );
    /** @type {ChatView | null} */
    this.chat = null;
  }

  /** @param {ChatView} chat */
  show(chat) {
    this.chat = chat;
    this.title.textContent = chat.title || translate("list.new_chat");
    document.title = chat.title ? `${chat.title} · ${translate("page.name")}` : translate("page.name");
    this.#showFacts(chat);
    this.#showGauge(chat.context);
    this.exporting.disabled = !chat.title;
  }

  /** @param {ChatView} chat */
  #showFacts(chat) {
    const { model } = chat;
    const state = modelState(model);
    const remark = { fault: translate("header.model_failed"), loading: translate("header.loading_model"), ready: "" }[state];
    const name = element("span", { class: `model ${state}`, title: (model.fault && translateText(model.fault)) || model.notice || model.name }, model.name, remark && ` ${remark}`);
    this.facts.replaceChildren(name);
    if (chat.role) this.facts.append(element("span", { class: "badge", dir: "auto" }, chat.role.title));
    if (chat.incognito) this.facts.append(element("span", { class: "badge", title: translate("header.incognito_hint") }, icon("hidden"), translate("header.incognito")));
    else if (!chat.saved) this.facts.append(element("span", { class: "badge" }, translate("header.unsaved")));
  }

  /** @param {[number, number]} context */
  #showGauge([used, all]) {
    this.gauge.hidden = all === 0;
    if (!all) return;
    const [numbers, track] = /** @type {[HTMLElement, HTMLElement]} */ ([...this.gauge.children]);
    const label = translate("header.context", { used, all });
    numbers.textContent = `${formatCount(used)} / ${formatCount(all)}`;
    /** @type {HTMLElement} */ (track.firstElementChild).style.width = `${Math.min(100, (100 * used) / all)}%`;
    this.gauge.classList.toggle("full", used > 0.85 * all);
    for (const [name, value] of Object.entries({ title: label, "aria-label": label, "aria-valuenow": used, "aria-valuemax": all })) {
      this.gauge.setAttribute(name, String(value));
    }
  }

  async #rename() {
    const text = await editInline(this.title, this.chat?.title ?? "");
    if (text) await attempt(this.actions.rename(text));
  }
}

/** @param {import("../lib/types.js").ModelView} model @returns {"fault" | "ready" | "loading"} */
function modelState(model) {
  if (model.fault) return "fault";
  return model.ready ? "ready" : "loading";
}
