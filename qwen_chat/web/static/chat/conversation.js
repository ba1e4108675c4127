/** The messages of the branch in view. */

import { get } from "../lib/api.js";
import { openLinksInNewTab } from "./code-blocks.js";
import { element } from "../lib/dom.js";
import { Message } from "./message.js";
import { Scroll } from "./scroll.js";
import { announce, attempt } from "../lib/toasts.js";
import { translate } from "../lib/translate.js";

/** @typedef {import("../lib/types.js").Frame} Frame */
/** @typedef {import("../lib/types.js").MessageView} MessageView */
/** @typedef {import("./message.js").MessageActions} MessageActions */

export class Conversation {
  /** @param {HTMLElement} anchor @param {MessageActions} actions */
  constructor(anchor, actions) {
    this.actions = actions;
    this.chat = "";
    /** Includes messages of other branches: the server sends each message once. @type {Map<string, Message>} */
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
    openLinksInNewTab(this.list);
    this.earlier.addEventListener("click", () => void attempt(this.#fetchEarlier()));
    new IntersectionObserver(() => this.#loadEarlierIfVisible(), { root: this.box }).observe(this.earlier);
  }

  /** Apply changes; `fromStart` when they describe everything from the start. @param {Frame} frame @param {boolean} fromStart */
  apply(frame, fromStart) {
    if (frame.chat && frame.chat.id !== this.chat) this.clear(frame.chat.id);
    for (const view of Object.values(frame.messages ?? {})) this.#show(view);
    if (frame.order) this.#arrange(frame.order);
    if (frame.live) this.messages.get(frame.live.id)?.applyLive(frame.live, fromStart);
    if (frame.chat) this.#setBusy(frame.chat.running !== null);
    this.scroll.ends = !this.isNew;
    this.scroll.follow();
  }

  /** The number of answers in view, without the greeting. */
  get answers() {
    const view = this.#messagesInView();
    const asked = view.findIndex((each) => each.view.role === "user");
    return view.filter((each, at) => each.isAnswer && at > asked && asked >= 0).length;
  }

  /** Whether there is no question yet. */
  get isNew() {
    return this.order.length < 2 && !this.#messagesInView().some((each) => each.view.role === "user");
  }

  /** Edit the last question. @returns {boolean} whether there is a question */
  editLast() {
    const last = this.#messagesInView().reverse().find((each) => each.view.role === "user");
    void last?.edit();
    return last !== undefined;
  }

  /** Edit a message. @param {string} id */
  edit(id) {
    void this.messages.get(id)?.edit();
  }

  /** Scroll to a message of the branch in view; older messages are fetched until it is there, and it is unfolded. @param {string} id */
  async reveal(id) {
    const { chat } = this;
    let came = 1;
    while (came && chat === this.chat && !this.messages.has(id)) came = await this.#fetchEarlier();
    const found = this.messages.get(id);
    if (!found?.node.isConnected) return;
    found.fold.open();
    this.scroll.reveal(found.node);
  }

  #messagesInView() {
    return this.order.flatMap((id) => this.messages.get(id) ?? []);
  }

  /** Remove everything, for another conversation. @param {string} chat */
  clear(chat) {
    this.chat = chat;
    this.messages.clear();
    this.order = [];
    this.list.replaceChildren();
    this.earlier.hidden = true;
    this.scroll.scrollToEnd();
  }

  /** @param {MessageView} view */
  #show(view) {
    const known = this.messages.get(view.id);
    if (known) known.show(view);
    else this.messages.set(view.id, new Message(view, this.actions));
  }

  /** @param {string[]} order */
  #arrange(order) {
    this.order = order;
    let at = this.list.firstChild;
    for (const { node } of this.#messagesInView()) {
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
  #setBusy(busy) {
    const was = this.list.getAttribute("aria-busy") === "true";
    // Screen readers read the answer when it is complete, not piece by piece.
    this.list.setAttribute("aria-busy", String(busy));
    this.list.classList.toggle("busy", busy);
    if (was && !busy) announce(translate(this.#messagesInView().at(-1)?.view.finish === "interrupted" ? "chat.stopped" : "chat.done"));
  }

  #loadEarlierIfVisible() {
    const seen = this.earlier.getBoundingClientRect().bottom > this.box.getBoundingClientRect().top;
    if (!this.earlier.hidden && seen && this.box.scrollTop < 200) void attempt(this.#fetchEarlier());
  }

  /** Fetch the messages before the first one that is loaded. @returns {Promise<number>} their number */
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
    this.scroll.keepPosition(() => this.#arrange(this.order));
    return messages.length;
  }
}
