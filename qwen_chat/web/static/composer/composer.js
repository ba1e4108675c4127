/** Where a message is written and sent, and an answer stopped. */

import { Attachments } from "./attachments.js";
import { element, fit } from "../lib/dom.js";
import { draftOf, forgetDraft, keepDraft } from "./drafts.js";
import { takeFiles } from "./file-drop.js";
import { icon } from "../lib/icons.js";
import { ThinkChoice } from "./thinking-choice.js";
import { warn } from "../lib/toasts.js";
import { tool } from "../lib/buttons.js";
import { translate } from "../lib/translate.js";

/** @typedef {import("../lib/types.js").ChatView} ChatView */
/** @typedef {{name: string, text: string}} FileText */

const MOST_LETTERS = 400_000;
const KEEP_AFTER = 250;
/** For so long a message that was taken in may go without a sign of its answer. */
const SIGN_WITHIN = 1500;

/**
 * @typedef {object} ComposerDeeds
 * @property {(chat: string, text: string, files: FileText[]) => Promise<boolean>} send whether an answer was begun
 * @property {() => Promise<void>} stop
 * @property {(think: string) => Promise<void>} think
 * @property {() => boolean} editLast
 */

export class Composer {
  /** @param {HTMLElement} anchor @param {ComposerDeeds} deeds */
  constructor(anchor, deeds) {
    this.deeds = deeds;
    this.id = "";
    /** @type {ChatView | null} what is known of the conversation, soon after it was entered */
    this.chat = null;
    /** @type {Promise<void> | null} */
    this.sending = null;
    /** Whether something came of what was sent last. */
    this.sign = false;
    /** The answer that is being stopped: the page does not wait for the engine to end its step. */
    this.stopped = "";
    /** @type {(() => void)[]} who waits until nothing is written */
    this.waiting = [];
    this.timer = 0;
    this.attachments = new Attachments(() => this.#showButton());
    this.area = element("textarea", { rows: 1, placeholder: translate("composer.placeholder"), "aria-label": translate("composer.message"), dir: "auto", enterkeyhint: "send" });
    this.picker = element("input", { type: "file", multiple: true, hidden: true, tabindex: "-1" });
    this.button = element("button", { type: "submit", class: "send" });
    this.think = new ThinkChoice(deeds.think);
    this.row = element("div", { class: "row" }, tool("clip", translate("composer.attach"), () => this.picker.click()), this.think.node, element("span", { class: "keys-hint" }, translate("composer.keys_hint")), this.button);
    this.form = element("form", { class: "composer", "aria-label": translate("composer.message"), "data-drop": translate("composer.drop_here") }, this.attachments.node, this.area, this.row, this.picker);
    anchor.append(this.form);
    this.#listen();
    this.#showButton();
  }

  /** @param {ChatView} chat */
  show(chat) {
    if (chat.id !== this.id) this.enter(chat.id);
    this.chat = chat;
    if (chat.running) this.sending = null;
    if (!chat.running) {
      this.stopped = "";
      for (const go of this.waiting.splice(0)) go();
    }
    this.think.show(chat);
    this.#showButton();
  }

  /** Take the next message at once: an answer may be written sooner than its first sign comes. */
  settle() {
    this.sign = true;
    if (this.isEmpty && !this.chat?.running) this.#rest();
  }

  get isEmpty() {
    return this.area.value === "" && this.attachments.chips.size === 0;
  }

  /** Whether an answer is on its way. */
  get isBusy() {
    const running = this.chat?.running;
    return Boolean(this.sending || (running && running !== this.stopped));
  }

  /** Put a text where a message is written. @param {string} text */
  fill(text) {
    this.area.value = text;
    this.#typed();
    this.area.focus();
  }

  /** Take the focus, except where it would bring up a keyboard on the screen. */
  focus() {
    if (matchMedia("(pointer: fine)").matches) this.area.focus();
  }

  async stop() {
    try {
      await this.sending;
      this.stopped = this.chat?.running ?? "";
      this.#showButton();
      await this.deeds.stop();
    } catch (fault) {
      this.stopped = "";
      this.#showButton();
      warn(fault);
    }
  }

  /** Wait until the answer that is being stopped has ended. @returns {Promise<void>} */
  #ended() {
    return new Promise((resolve) => {
      if (this.chat?.running) this.waiting.push(resolve);
      else resolve();
    });
  }

  /** Write to another conversation from now on. @param {string} id */
  enter(id) {
    this.#keepNow();
    this.id = id;
    this.chat = this.sending = null;
    this.attachments.clear();
    this.area.value = draftOf(id);
    fit(this.area);
    this.#showButton();
  }

  #listen() {
    const { area, form, picker } = this;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.isBusy) return this.#send();
      void this.stop();
      // The button is of no use now, and would take the focus with it.
      this.focus();
    });
    area.addEventListener("input", () => this.#typed());
    area.addEventListener("keydown", (event) => this.#key(event));
    picker.addEventListener("change", () => {
      this.attachments.add(picker.files ?? []);
      picker.value = "";
      area.focus();
    });
    window.addEventListener("pagehide", () => this.#keepNow());
    window.addEventListener("resize", () => fit(area));
    takeFiles(form, area, (files) => this.attachments.add(files));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    // While an input method composes, its keys are its own.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      if (!this.isBusy) this.#send();
    } else if (event.key === "ArrowUp" && this.isEmpty && !this.isBusy && this.deeds.editLast()) {
      event.preventDefault();
    }
  }

  #send() {
    const text = this.area.value;
    if (this.isEmpty || this.attachments.isReading || !text.trim()) return;
    if (text.length > MOST_LETTERS) {
      warn(translate("composer.too_long", { longest: MOST_LETTERS }));
      return;
    }
    this.sending = this.#deliver(text);
    this.#showButton();
  }

  /** @param {string} text */
  async #deliver(text) {
    const { id } = this;
    const { files } = this.attachments;
    this.stopped = "";
    this.sign = false;
    try {
      await this.#ended();
      const begun = await this.deeds.send(id, text, files);
      forgetDraft(id);
      if (this.id === id && this.area.value === text) this.#sent();
      // The answer's first sign comes by another way: until then the button stays what it will be.
      if (begun && !this.sign) setTimeout(() => this.#rest(), SIGN_WITHIN);
      else this.#rest();
    } catch (fault) {
      // What was typed stays where it is.
      warn(fault);
      this.#rest();
    }
  }

  #rest() {
    this.sending = null;
    this.#showButton();
  }

  #sent() {
    this.area.value = "";
    fit(this.area);
    this.attachments.clear();
  }

  #typed() {
    fit(this.area);
    this.#showButton();
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.#keepNow(), KEEP_AFTER);
  }

  #keepNow() {
    clearTimeout(this.timer);
    if (this.chat) keepDraft(this.chat.id, this.area.value, this.chat.incognito || !this.chat.saved);
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
