/** A conversation as it goes on: followed, and joined again whenever the connection was lost. */

import { Fault, get } from "../lib/api.js";

/** @typedef {import("../lib/types.js").Frame} Frame */

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;
const HIDDEN_PAUSE = 30_000;

/**
 * @typedef {object} Watcher
 * @property {(frame: Frame, anew: boolean) => void} frame what changed; `anew` when it is everything, told from the start
 * @property {() => void} lost
 * @property {() => void} joined
 * @property {(fault: Fault) => void} gone the server knows no such conversation
 */

export class Stream {
  /** @param {string} chat @param {Watcher} watcher */
  constructor(chat, watcher) {
    this.chat = chat;
    this.watcher = watcher;
    this.pause = FIRST_PAUSE;
    this.timer = 0;
    /** @type {EventSource | null} */
    this.source = null;
    // A browser has six connections to a server: a page that nobody sees gives its own back.
    this.seen = () => this.#seenOrHidden();
    this.online = () => this.#open();
    document.addEventListener("visibilitychange", this.seen);
    window.addEventListener("online", this.online);
    this.#open();
  }

  close() {
    this.#shut();
    document.removeEventListener("visibilitychange", this.seen);
    window.removeEventListener("online", this.online);
  }

  #shut() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  #open() {
    this.#shut();
    let anew = true;
    const source = new EventSource(`chat/${this.chat}/events`);
    this.source = source;
    source.onopen = () => {
      anew = true;
      this.pause = FIRST_PAUSE;
      this.watcher.joined();
    };
    source.onmessage = (event) => {
      this.watcher.frame(JSON.parse(event.data), anew);
      anew = false;
    };
    source.onerror = () => {
      this.watcher.lost();
      // Closed means that the server refused: the browser itself will not try again.
      if (source.readyState === EventSource.CLOSED) void this.#ask();
    };
  }

  /** Find out whether the conversation is gone, or only the connection. */
  async #ask() {
    const { chat, source } = this;
    try {
      await get(`chat/${chat}/messages?before=`);
    } catch (fault) {
      if (source !== this.source) return;
      if (fault instanceof Fault && fault.status >= 400 && fault.status < 500) {
        this.close();
        this.watcher.gone(fault);
        return;
      }
    }
    if (source === this.source) this.#later(this.pause);
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
  }

  /** @param {number} pause */
  #later(pause) {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.#open(), pause);
  }

  #seenOrHidden() {
    clearTimeout(this.timer);
    if (document.hidden) {
      this.timer = window.setTimeout(() => this.#shut(), HIDDEN_PAUSE);
    } else if (this.source?.readyState !== EventSource.OPEN) {
      this.#open();
    }
  }
}
