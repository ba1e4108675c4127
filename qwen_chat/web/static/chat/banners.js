/** Banners under the header, which stay while their condition lasts. */

import { element } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { translate, translateText } from "../lib/translate.js";

/** Milliseconds before a lost connection is shown: most come back at once. */
const QUIET_FOR = 1200;

export class Banners {
  /** @param {HTMLElement} anchor @param {() => void} begin */
  constructor(anchor, begin) {
    this.timer = 0;
    this.leftOut = element("p", { class: "note", role: "status", hidden: true });
    this.fault = element("p", { class: "note fault", role: "alert", hidden: true });
    this.connection = element("p", { class: "note quiet", role: "status", hidden: true }, translate("connection.lost"));
    this.reason = element("p", { dir: "auto" });
    const newChat = element("button", { type: "button", class: "solid" }, translate("list.new_chat"));
    newChat.addEventListener("click", begin);
    const words = element("div", {}, element("h2", {}, translate("connection.gone")), this.reason, element("p", {}, translate("connection.gone_hint")));
    this.absent = element("div", { class: "halt gone", role: "alert", hidden: true }, words, newChat);
    this.out = element("div", { class: "halt out", role: "alert", hidden: true }, element("div", {}, element("h2", {}, translate("connection.logged_out")), element("p", {}, translate("connection.logged_out_hint"))));
    this.enter = element("a", { class: "solid" }, translate("connection.log_in"));
    this.out.append(this.enter);
    anchor.append(element("div", { class: "notes" }, this.leftOut, this.fault, this.connection, this.absent, this.out));
  }

  /** @param {import("../lib/types.js").ChatView} chat */
  show(chat) {
    setText(this.leftOut, chat.left_out ? translate("header.context_full", { count: chat.left_out }) : "");
    setText(this.fault, chat.model.fault ? translateText(chat.model.fault) : "");
  }

  lost() {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => (this.connection.hidden = false), QUIET_FOR);
  }

  joined() {
    clearTimeout(this.timer);
    this.connection.hidden = this.absent.hidden = this.out.hidden = true;
  }

  /** @param {string} reason */
  gone(reason) {
    this.joined();
    this.reason.textContent = reason;
    this.absent.hidden = false;
  }

  /** Show that the login has ended, with a link that returns to the conversation. @param {string} chat */
  loggedOut(chat) {
    this.joined();
    this.enter.href = `./?chat=${encodeURIComponent(chat)}`;
    this.out.hidden = false;
  }

  /** Hide the banners of another conversation. */
  reset() {
    this.joined();
    setText(this.leftOut, "");
    setText(this.fault, "");
  }
}

/** @param {HTMLElement} line @param {string} text */
function setText(line, text) {
  if (line.hidden === !text && line.dataset.text === text) return;
  line.dataset.text = text;
  line.replaceChildren(icon("warning"), element("span", { dir: "auto" }, text));
  line.hidden = !text;
}
