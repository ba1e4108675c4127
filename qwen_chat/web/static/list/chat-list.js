/** The list of conversations: newest first, those pinned before them, all of them found by their words. */

import { get, post, postFile } from "../lib/api.js";
import { markAnswering, row } from "./chat-row.js";
import { element } from "../lib/dom.js";
import { attempt, tell, warn } from "../lib/toasts.js";
import { labelled, tool } from "../lib/buttons.js";
import { translate } from "../lib/translate.js";

/** @typedef {import("../lib/types.js").ListedChat} ListedChat */

const DAY = 86_400_000;
const SEARCH_AFTER = 150;

/**
 * @typedef {object} ListDeeds
 * @property {(chat: string, message?: string) => void} open
 * @property {(options: {incognito?: boolean}) => void} begin
 * @property {(chat: string) => void} deleted
 */

export class Chats {
  /** @param {HTMLElement} anchor @param {ListDeeds} deeds */
  constructor(anchor, deeds) {
    this.deeds = deeds;
    this.current = "";
    /** @type {string[]} */
    this.answering = [];
    this.asked = 0;
    this.timer = 0;
    this.search = element("input", { type: "search", class: "field", placeholder: translate("list.search"), "aria-label": translate("list.search_keys"), title: translate("list.search_keys"), maxlength: 200 });
    this.list = element("div", { class: "chats" });
    this.picker = element("input", { type: "file", multiple: true, accept: ".json,.jsonl,.md,.txt,.zip", hidden: true });
    anchor.append(this.#top(), this.search, this.list);
    this.search.addEventListener("input", () => this.#later());
    this.search.addEventListener("keydown", (event) => this.#searchKey(event));
    this.picker.addEventListener("change", () => void this.#import());
    this.list.addEventListener("keydown", (event) => this.#move(event));
  }

  #top() {
    const { begin } = this.deeds;
    return element(
      "div",
      { class: "list-top" },
      labelled("plus", translate("list.new_chat"), () => begin({}), "new"),
      tool("hidden", translate("list.new_incognito"), () => begin({ incognito: true })),
      tool("upload", translate("list.import"), () => this.picker.click()),
      this.picker,
    );
  }

  /** Mark the conversation in view. @param {string} chat */
  mark(chat) {
    this.current = chat;
    for (const link of this.list.querySelectorAll("a.chat")) {
      if (link instanceof HTMLElement && link.dataset.chat === chat) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  /** Mark the conversations in which an answer is being written. @param {string[]} chats */
  markAnswering(chats) {
    this.answering = chats;
    for (const link of this.#links()) markAnswering(link, chats.includes(link.dataset.chat ?? ""));
    const listed = this.#links().map((link) => link.dataset.chat ?? "");
    // One that was begun just now is not listed yet.
    if (!this.search.value && chats.some((chat) => !listed.includes(chat))) void this.refresh();
  }

  /** Ask the server for the list, or for what is searched. */
  async refresh() {
    const asked = ++this.asked;
    const words = this.search.value.trim();
    const found = await attempt(get(`chat/list?words=${encodeURIComponent(words)}`));
    // An answer to what was typed before comes too late.
    if (found && asked === this.asked) this.#draw(found.chats, words !== "");
  }

  /** @param {ListedChat[]} chats @param {boolean} found */
  #draw(chats, found) {
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.chat : "";
    const deeds = { open: this.deeds.open, remove: (/** @type {ListedChat} */ chat) => this.#removed(chat), changed: () => void this.refresh() };
    const parts = found ? [{ title: "", chats }] : grouped(chats);
    this.list.replaceChildren(
      ...parts.map(({ title, chats: group }) => {
        const heading = title && element("h2", {}, title);
        return element("section", {}, heading, element("ul", {}, ...group.map((chat) => row(chat, deeds))));
      }),
    );
    if (!chats.length) this.list.append(element("p", { class: "hint" }, translate(found ? "list.nothing_found" : "list.no_chats")));
    this.mark(this.current);
    for (const link of this.#links()) markAnswering(link, this.answering.includes(link.dataset.chat ?? ""));
    if (focused) this.list.querySelector(`a[data-chat="${CSS.escape(focused)}"]`)?.dispatchEvent(new Event("refocus"));
  }

  /** @param {ListedChat} chat */
  async #removed(chat) {
    await post(`chat/${chat.id}/delete`);
    tell(translate("list.deleted"));
    this.deeds.deleted(chat.id);
    await this.refresh();
  }

  #later() {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.refresh(), SEARCH_AFTER);
  }

  /** @param {KeyboardEvent} event */
  #searchKey(event) {
    if (event.key === "ArrowDown") this.#links()[0]?.focus();
    else if (event.key === "Enter" && !event.isComposing) this.#links()[0]?.click();
    else if (event.key === "Escape" && this.search.value) {
      this.search.value = "";
      void this.refresh();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    const links = this.#links();
    const at = links.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (at < 0 || !step) return;
    event.preventDefault();
    (links[at + step] ?? (step < 0 ? this.search : links[at]))?.focus();
  }

  #links() {
    return /** @type {HTMLElement[]} */ ([...this.list.querySelectorAll("a.chat")]);
  }

  async #import() {
    let last = "";
    for (const file of this.picker.files ?? []) {
      const result = await attempt(postFile("import", file));
      if (!result) continue;
      tell([translate("list.imported", { count: result.added.length }), result.known && translate("list.already_there", { count: result.known })].filter(Boolean).join(" "));
      result.faults.forEach(warn);
      last = result.added.at(-1) ?? last;
    }
    this.picker.value = "";
    await this.refresh();
    if (last) this.deeds.open(last);
  }
}

/** @param {ListedChat[]} chats */
function grouped(chats) {
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
