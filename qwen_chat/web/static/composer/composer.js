/** The composer: writes and sends messages, and stops answers. */

import { Attachments } from "./attachments.js";
import { element, fitHeight } from "../lib/dom.js";
import { readDraft, deleteDraft, saveDraft } from "./drafts.js";
import { acceptFiles } from "./file-drop.js";
import { icon } from "../lib/icons.js";
import { ThinkChoice } from "./thinking-choice.js";
import { showError } from "../lib/toasts.js";
import { iconButton } from "../lib/buttons.js";
import { translate } from "../lib/translate.js";

/** @typedef {import("../lib/types.js").ChatView} ChatView */
/** @typedef {{name: string, text: string}} FileText */

const MOST_LETTERS = 400_000;
const KEEP_AFTER = 250;
/** Milliseconds to wait for the first event of an answer after the server accepted the message. */
const SIGN_WITHIN = 1500;

/**
 * @typedef {object} ComposerActions
 * @property {(chat: string, text: string, files: FileText[]) => Promise<boolean>} send returns whether an answer was started
 * @property {() => Promise<void>} stop
 * @property {(think: string) => Promise<void>} think
 * @property {() => boolean} editLast
 */

export class Composer {
  /** @param {HTMLElement} anchor @param {ComposerActions} actions */
  constructor(anchor, actions) {
    this.actions = actions;
    this.id = "";
    /** @type {ChatView | null} null until the first event of the conversation arrives */
    this.chat = null;
    /** @type {Promise<void> | null} */
    this.sending = null;
    /** Whether an event arrived since the last message was sent. */
    this.hasResponse = false;
    /** The id of the answer that is being stopped; the button changes at once, before the engine has stopped. */
    this.stopping = "";
    /** @type {(() => void)[]} called when no answer is being written any more */
    this.onEnd = [];
    this.timer = 0;
    this.attachments = new Attachments(() => this.#showButton());
    this.area = element("textarea", { rows: 1, placeholder: translate("composer.placeholder"), "aria-label": translate("composer.message"), dir: "auto", enterkeyhint: "send" });
    this.picker = element("input", { type: "file", multiple: true, hidden: true, tabindex: "-1" });
    this.button = element("button", { type: "submit", class: "send" });
    this.think = new ThinkChoice(actions.think);
    this.row = element("div", { class: "row" }, iconButton("clip", translate("composer.attach"), () => this.picker.click()), this.think.node, element("span", { class: "keys-hint" }, translate("composer.keys_hint")), this.button);
    this.form = element("form", { class: "composer", "aria-label": translate("composer.message"), "data-drop": translate("composer.drop_here") }, this.attachments.node, this.area, this.row, this.picker);
    anchor.append(this.form);
    this.#listen();
    this.#showButton();
  }

  /** @param {ChatView} chat */
  show(chat) {
    if (chat.id !== this.id) this.switchTo(chat.id);
    this.chat = chat;
    if (chat.running) this.sending = null;
    if (!chat.running) {
      this.stopping = "";
      for (const go of this.onEnd.splice(0)) go();
    }
    this.think.show(chat);
    this.#showButton();
  }

  /** Note that an event arrived; a short answer may have ended before its first event. */
  acknowledge() {
    this.hasResponse = true;
    if (this.isEmpty && !this.chat?.running) this.#finishSending();
  }

  get isEmpty() {
    return this.area.value === "" && this.attachments.chips.size === 0;
  }

  /** Whether an answer is being written or about to start. */
  get isBusy() {
    const running = this.chat?.running;
    return Boolean(this.sending || (running && running !== this.stopping));
  }

  /** Put a text into the composer. @param {string} text */
  fill(text) {
    this.area.value = text;
    this.#handleInput();
    this.area.focus();
  }

  /** Focus the text field, unless that would open an on-screen keyboard. */
  focus() {
    if (matchMedia("(pointer: fine)").matches) this.area.focus();
  }

  async stop() {
    try {
      await this.sending;
      this.stopping = this.chat?.running ?? "";
      this.#showButton();
      await this.actions.stop();
    } catch (fault) {
      this.stopping = "";
      this.#showButton();
      showError(fault);
    }
  }

  /** Wait until the stopped answer has ended. @returns {Promise<void>} */
  #waitForEnd() {
    return new Promise((resolve) => {
      if (this.chat?.running) this.onEnd.push(resolve);
      else resolve();
    });
  }

  /** Switch to another conversation. @param {string} id */
  switchTo(id) {
    this.#saveDraft();
    this.id = id;
    this.chat = this.sending = null;
    this.attachments.clear();
    this.area.value = readDraft(id);
    fitHeight(this.area);
    this.#showButton();
  }

  #listen() {
    const { area, form, picker } = this;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.isBusy) return this.#send();
      void this.stop();
      // The button gets disabled, and a disabled button loses the focus.
      this.focus();
    });
    area.addEventListener("input", () => this.#handleInput());
    area.addEventListener("keydown", (event) => this.#handleKey(event));
    picker.addEventListener("change", () => {
      this.attachments.add(picker.files ?? []);
      picker.value = "";
      area.focus();
    });
    window.addEventListener("pagehide", () => this.#saveDraft());
    window.addEventListener("resize", () => fitHeight(area));
    acceptFiles(form, area, (files) => this.attachments.add(files));
  }

  /** @param {KeyboardEvent} event */
  #handleKey(event) {
    // Keys pressed during IME composition belong to the input method.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      if (!this.isBusy) this.#send();
    } else if (event.key === "ArrowUp" && this.isEmpty && !this.isBusy && this.actions.editLast()) {
      event.preventDefault();
    }
  }

  #send() {
    const text = this.area.value;
    if (this.isEmpty || this.attachments.isReading || !text.trim()) return;
    if (text.length > MOST_LETTERS) {
      showError(translate("composer.too_long", { longest: MOST_LETTERS }));
      return;
    }
    this.sending = this.#deliver(text);
    this.#showButton();
  }

  /** @param {string} text */
  async #deliver(text) {
    const { id } = this;
    const { files } = this.attachments;
    this.stopping = "";
    this.hasResponse = false;
    try {
      await this.#waitForEnd();
      const begun = await this.actions.send(id, text, files);
      deleteDraft(id);
      if (this.id === id && this.area.value === text) this.#empty();
      // The first event of the answer arrives on the event stream: until then the button stays a stop button.
      if (begun && !this.hasResponse) setTimeout(() => this.#finishSending(), SIGN_WITHIN);
      else this.#finishSending();
    } catch (fault) {
      // The typed text stays in the field.
      showError(fault);
      this.#finishSending();
    }
  }

  #finishSending() {
    this.sending = null;
    this.#showButton();
  }

  #empty() {
    this.area.value = "";
    fitHeight(this.area);
    this.attachments.clear();
  }

  #handleInput() {
    fitHeight(this.area);
    this.#showButton();
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.#saveDraft(), KEEP_AFTER);
  }

  #saveDraft() {
    clearTimeout(this.timer);
    if (this.chat) saveDraft(this.chat.id, this.area.value, this.chat.incognito || !this.chat.saved);
  }

  #showButton() {
    const stops = this.isBusy;
    const label = translate(stops ? "composer.stop_keys" : "composer.send_keys");
    this.button.disabled = !stops && (!this.area.value.trim() || this.attachments.isReading);
    if (this.button.title === label) return;
    this.button.classList.toggle("stops", stops);
    this.button.title = label;
    this.button.replaceChildren(icon(stops ? "stop" : "up"), element("span", { class: "unseen" }, translate(stops ? "composer.stop" : "composer.send")));
  }
}
