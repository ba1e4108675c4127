/** The messages of the branch in view. */

import { get } from "../lib/api.js";
import { openLinksBeside } from "./code-blocks.js";
import { element } from "../lib/dom.js";
import { Message } from "./message.js";
import { Scroll } from "./scroll.js";
import { announce, attempt } from "../lib/toasts.js";
import { translate } from "../lib/translate.js";

/** @typedef {import("../lib/types.js").Frame} Frame */
/** @typedef {import("../lib/types.js").MessageView} MessageView */
/** @typedef {import("./message.js").Deeds} Deeds */

export class Conversation {
  /** @param {HTMLElement} anchor @param {Deeds} deeds */
  constructor(anchor, deeds) {
    this.deeds = deeds;
    this.chat = "";
    /** Those of other branches are kept, too: the server does not tell them twice. @type {Map<string, Message>} */
    this.messages = new Map();
    /** @type {string[]} */
    this.order = [];
    /** @type {Promise<number> | null} */
    this.fetching = null;
    this.above = element("div", { class: "above" });
    this.earlier = element("button", { type: "button", class: "earlier", hidden: true }, translate("chat.earlier"));
    this.list = element("div", { class: "messages", role: "log", "aria-live": "polite", "aria-label": translate("page.conversation") });
    this.inner = element("div", { class: "measure" }, this.above, this.earlier, this.list);
    this.box = element("div", { class: "scroll", tabindex: "-1" }, this.inner);
    this.scroll = new Scroll(this.box, this.inner);
    anchor.append(this.box, this.scroll.button);
    openLinksBeside(this.list);
    this.earlier.addEventListener("click", () => void attempt(this.#fetchEarlier()));
    new IntersectionObserver(() => this.#earlierIfSeen(), { root: this.box }).observe(this.earlier);
  }

  /** Take what changed; `anew` when it is told from the start. @param {Frame} frame @param {boolean} anew */
  take(frame, anew) {
    if (frame.chat && frame.chat.id !== this.chat) this.forget(frame.chat.id);
    for (const view of Object.values(frame.messages ?? {})) this.#show(view);
    if (frame.order) this.#arrange(frame.order);
    if (frame.live) this.messages.get(frame.live.id)?.grow(frame.live, anew);
    if (frame.chat) this.#busy(frame.chat.running !== null);
    this.scroll.ends = !this.isUnasked;
    this.scroll.follow();
  }

  /** How many answers there are in view; a greeting answers nothing. */
  get answers() {
    const view = this.#inView();
    const asked = view.findIndex((each) => each.view.role === "user");
    return view.filter((each, at) => each.isAnswer && at > asked && asked >= 0).length;
  }

  /** Whether nothing was asked yet. */
  get isUnasked() {
    return this.order.length < 2 && !this.#inView().some((each) => each.view.role === "user");
  }

  /** Edit the last question. @returns {boolean} whether there is one */
  editLast() {
    const last = this.#inView().reverse().find((each) => each.view.role === "user");
    void last?.edit();
    return last !== undefined;
  }

  /** Say a message differently. @param {string} id */
  edit(id) {
    void this.messages.get(id)?.edit();
  }

  /** Bring a message of the branch in view into sight, all of it, however far back it stands. @param {string} id */
  async reveal(id) {
    const { chat } = this;
    let came = 1;
    while (came && chat === this.chat && !this.messages.has(id)) came = await this.#fetchEarlier();
    const found = this.messages.get(id);
    if (!found?.node.isConnected) return;
    found.fold.open();
    this.scroll.reveal(found.node);
  }

  #inView() {
    return this.order.flatMap((id) => this.messages.get(id) ?? []);
  }

  /** Make room for another conversation. @param {string} chat */
  forget(chat) {
    this.chat = chat;
    this.messages.clear();
    this.order = [];
    this.list.replaceChildren();
    this.earlier.hidden = true;
    this.scroll.toEnd();
  }

  /** @param {MessageView} view */
  #show(view) {
    const known = this.messages.get(view.id);
    if (known) known.show(view);
    else this.messages.set(view.id, new Message(view, this.deeds));
  }

  /** @param {string[]} order */
  #arrange(order) {
    this.order = order;
    let at = this.list.firstChild;
    for (const { node } of this.#inView()) {
      if (node === at) at = at.nextSibling;
      else this.list.insertBefore(node, at);
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
    const [first] = order;
    this.earlier.hidden = first === undefined || this.messages.has(first);
  }

  /** @param {boolean} busy */
  #busy(busy) {
    const was = this.list.getAttribute("aria-busy") === "true";
    // While an answer grows it is not read out piece by piece.
    this.list.setAttribute("aria-busy", String(busy));
    this.list.classList.toggle("busy", busy);
    if (was && !busy) announce(translate(this.#inView().at(-1)?.view.finish === "interrupted" ? "chat.stopped" : "chat.done"));
  }

  #earlierIfSeen() {
    const seen = this.earlier.getBoundingClientRect().bottom > this.box.getBoundingClientRect().top;
    if (!this.earlier.hidden && seen && this.box.scrollTop < 200) void attempt(this.#fetchEarlier());
  }

  /** Fetch what stands before the first message that is here. @returns {Promise<number>} how many came */
  #fetchEarlier() {
    this.fetching ??= this.#fetch().finally(() => {
      this.fetching = null;
      this.earlier.disabled = false;
    });
    return this.fetching;
  }

  async #fetch() {
    const first = this.order.find((id) => this.messages.has(id));
    if (!first) return 0;
    this.earlier.disabled = true;
    const { chat } = this;
    const { messages } = await get(`chat/${chat}/messages?before=${first}`);
    if (chat !== this.chat) return 0;
    for (const view of messages) this.#show(view);
    this.scroll.keeping(() => this.#arrange(this.order));
    return messages.length;
  }
}
