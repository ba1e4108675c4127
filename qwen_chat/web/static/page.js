/** The page: creates its parts and passes events from one to another. */

import { LOGGED_OUT, post } from "./lib/api.js";
import { ChatList } from "./list/chat-list.js";
import { Composer } from "./composer/composer.js";
import { Conversation } from "./chat/conversation.js";
import { confirmAction } from "./lib/dialogs.js";
import { takeDraft } from "./composer/drafts.js";
import { sidebarFooter } from "./list/sidebar-footer.js";
import { Header } from "./chat/header.js";
import { writeItem, readItem } from "./lib/storage.js";
import { listenToKeys } from "./lib/keyboard.js";
import { Banners } from "./chat/banners.js";
import { currentChat, setCurrentChat } from "./lib/router.js";
import { SettingsPanel } from "./lib/settings-panel.js";
import { Output } from "./composer/command-output.js";
import { SearchJump } from "./chat/search-jump.js";
import { Sidebar } from "./lib/sidebar.js";
import { Stream } from "./chat/stream.js";
import { SystemPrompt } from "./chat/system-prompt.js";
import { attempt, showNotice } from "./lib/toasts.js";
import { Welcome } from "./chat/welcome.js";
import { translate, translateText } from "./lib/translate.js";

/** @typedef {import("./lib/types.js").Frame} Frame */
/** @typedef {import("./lib/types.js").ChatView} ChatView */

export class Page {
  /** @param {Record<"left" | "right" | "chats" | "head" | "conversation" | "composer" | "settings", HTMLElement>} anchors */
  constructor(anchors) {
    this.id = "";
    this.listed = 0;
    /** @type {ChatView | null} */
    this.chat = null;
    /** @type {Stream | null} */
    this.stream = null;
    this.left = new Sidebar(anchors.left, translate("page.conversations"), () => this.header.list);
    this.right = new Sidebar(anchors.right, translate("page.settings"), () => this.header.settings);
    this.right.addHead();
    this.keys = {
      search: () => {
        this.left.open();
        this.chats.search.focus();
        this.chats.search.select();
      },
      toggleList: () => this.left.toggle(),
      begin: () => void this.begin({}),
      escape: () => this.#escape(),
    };
    this.settings = new SettingsPanel(anchors.settings, (frame) => listenToKeys(this.keys, frame));
    this.header = new Header(anchors.head, {
      rename: (text) => this.#post("rename", { text }),
      toggleList: () => this.left.toggle(),
      toggleSettings: () => this.#toggleSettings(),
      begin: () => void this.begin({}),
    });
    this.banners = new Banners(anchors.head, () => void this.begin({}));
    this.conversation = new Conversation(anchors.conversation, {
      chat: () => this.id,
      edit: (message, text) => this.#post("edit", { message, text }),
      retry: (message) => this.#post("retry", { message }),
      continueAnswer: () => this.#post("continue"),
      takeOut: (message) => this.#takeOut(message),
      show: (message) => this.#post("show", { message }),
    });
    this.searchJump = new SearchJump(this.conversation, (message) => this.#post("show", { message }));
    this.system = new SystemPrompt(this.conversation.above, {
      save: (text) => this.#post("system", { text }),
      answers: () => this.conversation.answers,
    });
    this.welcome = new Welcome(this.conversation.inner, {
      fill: (text) => this.composer.fill(text),
      begin: (role) => void this.begin({ role }),
    });
    this.composer = new Composer(anchors.composer, {
      send: (chat, text, files) => this.#send(chat, text, files),
      stop: () => this.#post("stop"),
      think: (think) => this.#post("think", { think }),
      editLast: () => this.conversation.editLast(),
    });
    this.output = new Output(anchors.composer);
    this.chats = new ChatList(anchors.chats, {
      open: (chat, message) => this.open(chat, { message }),
      begin: (options) => void this.begin(options),
      deleted: (chat) => this.#deleted(chat),
    });
    anchors.chats.append(sidebarFooter());
    this.#listen();
  }

  /** Begin a conversation. @param {{role?: string, incognito?: boolean}} options */
  async begin(options) {
    const made = await attempt(post("chat/new", options));
    if (made) this.open(made.chat);
  }

  /** Show a conversation. @param {string} id @param {{message?: string, goes?: boolean}} [how] */
  open(id, { message = "", goes = true } = {}) {
    this.searchJump.enter(message);
    if (this.left.isOver) this.left.close();
    if (id === this.id && this.chat) {
      this.searchJump.jump();
      return;
    }
    this.id = id;
    setCurrentChat(id, goes);
    this.settings.show(id);
    this.chats.markCurrent(id);
    this.composer.switchTo(id);
    this.output.hide();
    this.#follow(id);
    this.composer.focus();
  }

  /** Open the conversation of the address, or begin a new one. */
  async start() {
    void this.chats.refresh();
    const id = currentChat();
    if (this.right.isOpen) this.settings.load();
    if (id) this.open(id, { goes: false });
    else await this.begin({});
  }

  /** @param {string} id */
  #follow(id) {
    this.stream?.close();
    this.chat = null;
    this.banners.reset();
    this.stream = new Stream(id, {
      frame: (frame, fromStart) => this.#applyFrame(frame, fromStart),
      lost: () => this.banners.lost(),
      joined: () => this.banners.joined(),
      gone: (fault) => this.#showGone(fault),
    });
  }

  /** @param {Frame} frame @param {boolean} fromStart */
  #applyFrame(frame, fromStart) {
    if (frame.chat) this.#followExchange(frame.chat);
    this.conversation.apply(frame, fromStart);
    if (frame.chat) this.#show(frame.chat);
    if (this.chat && (frame.order || frame.chat)) this.#welcome(this.chat);
    if (frame.order) this.composer.acknowledge();
    for (const notice of frame.notices ?? []) showNotice(translateText(notice));
    if (frame.answering) this.chats.markAnswering(frame.answering);
    if (frame.list !== undefined && frame.list !== this.listed) {
      this.listed = frame.list;
      void this.chats.refresh();
    }
    this.searchJump.jump();
  }

  /** Follow a switch to another conversation that was made elsewhere, as in a terminal. @param {ChatView} chat */
  #followExchange(chat) {
    if (chat.id === this.id || !this.stream) return;
    this.id = this.stream.chat = chat.id;
    setCurrentChat(chat.id, false);
    this.settings.show(chat.id);
    this.chats.markCurrent(chat.id);
  }

  /** @param {ChatView} chat */
  #show(chat) {
    this.chat = chat;
    this.header.show(chat);
    this.banners.show(chat);
    this.system.show(chat.system);
    this.composer.show(chat);
  }

  /** @param {ChatView} chat */
  #welcome(chat) {
    const { isNew } = this.conversation;
    this.welcome.show(chat, isNew);
    writeItem("unasked", isNew ? chat.id : "", sessionStorage);
  }

  /** @param {import("./lib/api.js").ApiError} fault */
  #showGone(fault) {
    const { id } = this;
    if (fault.status === LOGGED_OUT) {
      this.banners.loggedOut(id);
    } else if (this.chat) {
      this.banners.gone(fault.message);
    } else if (readItem("unasked", sessionStorage) === id) {
      // The server does not keep an empty conversation over a restart.
      void this.begin({}).then(() => this.composer.fill(takeDraft(id)));
    } else {
      this.conversation.clear(id);
      this.welcome.node.hidden = true;
      this.banners.gone(fault.message);
    }
  }

  /** @param {string} chat */
  #deleted(chat) {
    if (chat === this.id) void this.begin({});
  }

  /** @param {string} deed @param {object} [body] */
  async #post(deed, body) {
    await post(`chat/${this.id}/${deed}`, body);
  }

  /** @param {string} chat @param {string} text @param {{name: string, text: string}[]} files */
  async #send(chat, text, files) {
    const { begun, said, compose, message } = await post(`chat/${chat}/send`, { text, files });
    this.output.show(said);
    if (message) this.conversation.edit(message);
    else if (compose) setTimeout(() => this.composer.fill(compose));
    if (begun) this.conversation.scroll.scrollToEnd();
    return begun;
  }

  /** @param {string} message */
  async #takeOut(message) {
    if (await confirmAction(translate("chat.delete_title"), translate("chat.delete_text"), translate("chat.delete"))) await this.#post("take-out", { message });
  }

  #listen() {
    listenToKeys(this.keys);
    window.addEventListener("popstate", () => {
      const id = currentChat();
      if (id && id !== this.id) this.open(id, { goes: false });
    });
  }

  #toggleSettings() {
    this.right.toggle();
    if (this.right.isOpen) this.settings.load();
  }

  #escape() {
    const over = [this.left, this.right].find((each) => each.isOver);
    if (over) over.close();
    else if (this.composer.isBusy) void this.composer.stop();
    else this.composer.focus();
  }
}
