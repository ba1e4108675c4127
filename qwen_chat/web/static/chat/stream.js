/** Follows a conversation as server-sent events, and reconnects when the connection is lost. */

import { ApiError, get } from "../lib/api.js";

/** @typedef {import("../lib/types.js").Frame} Frame */

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;
const HIDDEN_PAUSE = 30_000;

/**
 * @typedef {object} Watcher
 * @property {(frame: Frame, fromStart: boolean) => void} frame called with changes; `fromStart` when they describe everything from the start
 * @property {() => void} lost
 * @property {() => void} joined
 * @property {(fault: ApiError) => void} gone called when the server has no such conversation
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
    // A browser opens at most six connections to a server: a hidden page closes its own.
    this.onVisibility = () => this.#handleVisibility();
    this.onOnline = () => this.#connect();
    document.addEventListener("visibilitychange", this.onVisibility);
    window.addEventListener("online", this.onOnline);
    this.#connect();
  }

  close() {
    this.#disconnect();
    document.removeEventListener("visibilitychange", this.onVisibility);
    window.removeEventListener("online", this.onOnline);
  }

  #disconnect() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  #connect() {
    this.#disconnect();
    let fromStart = true;
    const source = new EventSource(`chat/${this.chat}/events`);
    this.source = source;
    source.onopen = () => {
      fromStart = true;
      this.pause = FIRST_PAUSE;
      this.watcher.joined();
    };
    source.onmessage = (event) => {
      this.watcher.frame(JSON.parse(event.data), fromStart);
      fromStart = false;
    };
    source.onerror = () => {
      this.watcher.lost();
      // CLOSED means that the server refused the stream: the browser will not reconnect.
      if (source.readyState === EventSource.CLOSED) void this.#checkConversation();
    };
  }

  /** Find out whether the conversation or only the connection is gone. */
  async #checkConversation() {
    const { chat, source } = this;
    try {
      await get(`chat/${chat}/messages?before=`);
    } catch (fault) {
      if (source !== this.source) return;
      if (fault instanceof ApiError && fault.status >= 400 && fault.status < 500) {
        this.close();
        this.watcher.gone(fault);
        return;
      }
    }
    if (source === this.source) this.#reconnectLater(this.pause);
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
  }

  /** @param {number} pause */
  #reconnectLater(pause) {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.#connect(), pause);
  }

  #handleVisibility() {
    clearTimeout(this.timer);
    if (document.hidden) {
      this.timer = window.setTimeout(() => this.#disconnect(), HIDDEN_PAUSE);
    } else if (this.source?.readyState !== EventSource.OPEN) {
      this.#connect();
    }
  }
}
