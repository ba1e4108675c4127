/** The list of conversations: pinned first, then newest first, with full-text search. */

import { get, post, postFile } from "../lib/api.js";
import { markAnswering, chatRow } from "./chat-row.js";
import { element } from "../lib/dom.js";
import { attempt, showNotice, showError } from "../lib/toasts.js";
import { labelledButton, iconButton } from "../lib/buttons.js";
import { translate } from "../lib/translate.js";

/** @typedef {import("../lib/types.js").ListedChat} ListedChat */

const DAY = 86_400_000;
const SEARCH_AFTER = 150;

/**
 * @typedef {object} ListActions
 * @property {(chat: string, message?: string) => void} open
 * @property {(options: {incognito?: boolean}) => void} begin
 * @property {(chat: string) => void} deleted
 */

export class ChatList {
  /** @param {HTMLElement} anchor @param {ListActions} actions */
  constructor(anchor, actions) {
    this.actions = actions;
    this.current = "";
    /** @type {string[]} */
    this.answering = [];
    this.requests = 0;
    this.timer = 0;
    this.search = element("input", { type: "search", class: "field", placeholder: translate("list.search"), "aria-label": translate("list.search_keys"), title: translate("list.search_keys"), maxlength: 200 });
    this.list = element("div", { class: "chats" });
    this.picker = element("input", { type: "file", multiple: true, accept: ".json,.jsonl,.md,.txt,.zip", hidden: true });
    anchor.append(this.#makeToolbar(), this.search, this.list);
    this.search.addEventListener("input", () => this.#searchLater());
    this.search.addEventListener("keydown", (event) => this.#handleSearchKey(event));
    this.picker.addEventListener("change", () => void this.#import());
    this.list.addEventListener("keydown", (event) => this.#handleKey(event));
  }

  #makeToolbar() {
    const { begin } = this.actions;
    return element(
      "div",
      { class: "list-top" },
      labelledButton("plus", translate("list.new_chat"), () => begin({}), "new"),
      iconButton("hidden", translate("list.new_incognito"), () => begin({ incognito: true })),
      iconButton("upload", translate("list.import"), () => this.picker.click()),
      this.picker,
    );
  }

  /** Mark the conversation in view. @param {string} chat */
  markCurrent(chat) {
    this.current = chat;
    for (const link of this.list.querySelectorAll("a.chat")) {
      if (link instanceof HTMLElement && link.dataset.chat === chat) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  /** Mark the conversations in which an answer is being written. @param {string[]} chats */
  markAnswering(chats) {
    this.answering = chats;
    for (const link of this.#findLinks()) markAnswering(link, chats.includes(link.dataset.chat ?? ""));
    const listed = this.#findLinks().map((link) => link.dataset.chat ?? "");
    // A new conversation is not in the list yet.
    if (!this.search.value && chats.some((chat) => !listed.includes(chat))) void this.refresh();
  }

  /** Fetch the list, or the results of the search. */
  async refresh() {
    const asked = ++this.requests;
    const words = this.search.value.trim();
    const found = await attempt(get(`chat/list?words=${encodeURIComponent(words)}`));
    // The response to an older request is ignored.
    if (found && asked === this.requests) this.#draw(found.chats, words !== "");
  }

  /** @param {ListedChat[]} chats @param {boolean} found */
  #draw(chats, found) {
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.chat : "";
    const actions = { open: this.actions.open, remove: (/** @type {ListedChat} */ chat) => this.#remove(chat), changed: () => void this.refresh() };
    const parts = found ? [{ title: "", chats }] : groupByDate(chats);
    this.list.replaceChildren(
      ...parts.map(({ title, chats: group }) => {
        const heading = title && element("h2", {}, title);
        return element("section", {}, heading, element("ul", {}, ...group.map((chat) => chatRow(chat, actions))));
      }),
    );
    if (!chats.length) this.list.append(element("p", { class: "hint" }, translate(found ? "list.nothing_found" : "list.no_chats")));
    this.markCurrent(this.current);
    for (const link of this.#findLinks()) markAnswering(link, this.answering.includes(link.dataset.chat ?? ""));
    if (focused) this.list.querySelector(`a[data-chat="${CSS.escape(focused)}"]`)?.dispatchEvent(new Event("refocus"));
  }

  /** @param {ListedChat} chat */
  async #remove(chat) {
    await post(`chat/${chat.id}/delete`);
    showNotice(translate("list.deleted"));
    this.actions.deleted(chat.id);
    await this.refresh();
  }

  #searchLater() {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.refresh(), SEARCH_AFTER);
  }

  /** @param {KeyboardEvent} event */
  #handleSearchKey(event) {
    if (event.key === "ArrowDown") this.#findLinks()[0]?.focus();
    else if (event.key === "Enter" && !event.isComposing) this.#findLinks()[0]?.click();
    else if (event.key === "Escape" && this.search.value) {
      this.search.value = "";
      void this.refresh();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {KeyboardEvent} event */
  #handleKey(event) {
    const links = this.#findLinks();
    const at = links.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (at < 0 || !step) return;
    event.preventDefault();
    (links[at + step] ?? (step < 0 ? this.search : links[at]))?.focus();
  }

  #findLinks() {
    return /** @type {HTMLElement[]} */ ([...this.list.querySelectorAll("a.chat")]);
  }

  async #import() {
    let last = "";
    for (const file of this.picker.files ?? []) {
      const result = await attempt(postFile("import", file));
      if (!result) continue;
      showNotice([translate("list.imported", { count: result.added.length }), result.known && translate("list.already_there", { count: result.known })].filter(Boolean).join(" "));
      result.faults.forEach(showError);
      last = result.added.at(-1) ?? last;
    }
    this.picker.value = "";
    await this.refresh();
    if (last) this.actions.open(last);
  }
}

/** @param {ListedChat[]} chats */
function groupByDate(chats) {
  const midnight = new Date().setHours(0, 0, 0, 0);
  /** @type {[string, (chat: ListedChat) => boolean][]} */
  const kinds = [
    [translate("list.pinned"), (chat) => Boolean(chat.pinned)],
    [translate("list.today"), (chat) => chat.updated * 1000 >= midnight],
    [translate("list.week"), (chat) => chat.updated * 1000 >= midnight - 6 * DAY],
    [translate("list.older"), () => true],
  ];
  const of = (/** @type {ListedChat} */ chat) => kinds.findIndex(([, takes]) => takes(chat));
  return kinds
    .map(([title], at) => ({ title, chats: chats.filter((chat) => of(chat) === at) }))
    .filter((group) => group.chats.length);
}
