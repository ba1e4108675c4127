/** One message: what was said, how it came about, and what can be done with it. */

import { copy } from "./code-blocks.js";
import { rawText } from "../lib/api.js";
import { element } from "../lib/dom.js";
import { edited } from "./message-editor.js";
import { Fold } from "./fold.js";
import { draw, Growing } from "./incremental-html.js";
import { amount, moment } from "../lib/format.js";
import { sentFiles } from "./sent-files.js";
import { attempt } from "../lib/toasts.js";
import { labelled, tool } from "../lib/buttons.js";
import { translate } from "../lib/translate.js";

/** @typedef {import("../lib/types.js").MessageView} MessageView */
/** @typedef {import("../lib/types.js").Live} Live */

/**
 * @typedef {object} Deeds what can be done to messages; each returns when the server agreed
 * @property {() => string} chat
 * @property {(message: string, text: string) => Promise<void>} edit
 * @property {(message: string) => Promise<void>} retry
 * @property {() => Promise<void>} goOn
 * @property {(message: string) => Promise<void>} takeOut
 * @property {(message: string) => Promise<void>} show
 */

/** What an answer says that did not end by itself. */
const CUTS = /** @type {const} */ ({
  length: "chat.cut_length",
  context: "chat.cut_context",
  interrupted: "chat.cut_stopped",
  error: "chat.cut_failed",
});

/** How an answer ended that can be continued. */
const CUT = new Set(["length", "context", "interrupted"]);

export class Message {
  /** @param {MessageView} view @param {Deeds} deeds */
  constructor(view, deeds) {
    this.view = view;
    this.deeds = deeds;
    this.isAnswer = view.role === "assistant";
    this.text = element("div", { class: this.isAnswer ? "written" : "typed", dir: "auto" });
    this.under = element("div", { class: "under" });
    this.node = element("article", { class: `message ${kind(view.role)}`, id: `message-${view.id}` });
    this.node.append(element("h2", { class: "unseen" }, translate(nameOf(view.role))), this.text, this.under);
    this.fold = new Fold(this.text);
    this.growing = new Growing(this.text);
    // What was said does not change: another text is another message.
    if (view.files.length) this.text.before(sentFiles(view.files));
    /** @type {HTMLDetailsElement | null} */
    this.thought = null;
    /** @type {Growing | null} */
    this.thoughtGrowing = null;
    /** @type {Live | null} */
    this.live = null;
    this.drawn = "";
    this.drawnThought = "";
    this.show(view);
  }

  /** Show what the server says of it now. @param {MessageView} view */
  show(view) {
    this.view = view;
    this.node.classList.toggle("writing", view.writing);
    this.node.classList.toggle("last", view.last);
    if (view.writing) {
      this.drawn = this.drawnThought = "";
    } else {
      this.#showText(view);
      this.live = null;
    }
    this.#showUnder();
  }

  /** Take what has grown; `anew` when it is told from the start. @param {Live} live @param {boolean} anew */
  grow(live, anew) {
    if (anew) {
      this.growing.restart();
      this.thoughtGrowing?.restart();
    }
    if (live.thought) this.#thoughts().take(live.thought);
    this.#nameThought(live.status === "thinking" ? translate("chat.thinking") : translate("chat.thought"));
    if (live.answer) this.growing.take(live.answer);
    this.live = live;
    this.#showStatus();
  }

  /** Let its text be changed in place. */
  async edit() {
    const raw = await attempt(rawText(this.deeds.chat(), this.view.id));
    if (raw === undefined || this.node.classList.contains("editing")) return;
    const save = (/** @type {string} */ text) => this.deeds.edit(this.view.id, text);
    this.node.classList.add("editing");
    await edited(this.node, raw, this.isAnswer ? translate("page.save") : translate("composer.send"), save);
    this.node.classList.remove("editing");
  }

  /** @param {MessageView} view */
  #showText(view) {
    if (view.thought && view.thought !== this.drawnThought) this.#thoughts().finish(view.thought);
    if (view.thought) this.#nameThought(thoughtLabel(view.thought_seconds));
    if (view.html !== this.drawn || !view.html) {
      if (this.isAnswer) this.growing.finish(view.html);
      else draw(this.text, view.html);
    }
    this.drawn = view.html;
    this.drawnThought = view.thought;
    const isEmpty = !view.html && !view.thought && !view.files.length;
    this.text.classList.toggle("empty", isEmpty);
    if (isEmpty) this.text.textContent = translate("chat.empty");
    this.text.hidden = !view.html && view.files.length > 0;
    if (!this.isAnswer) this.fold.settle();
  }

  #thoughts() {
    if (!this.thought || !this.thoughtGrowing) {
      const inside = element("div", { class: "written", dir: "auto" });
      this.thought = element("details", { class: "thought" }, element("summary", {}), inside);
      this.thoughtGrowing = new Growing(inside);
      this.text.before(this.thought);
    }
    return this.thoughtGrowing;
  }

  /** @param {string} name */
  #nameThought(name) {
    const summary = this.thought?.firstElementChild;
    if (summary && summary.textContent !== name) summary.textContent = name;
  }

  #showUnder() {
    if (this.view.writing) {
      this.under.replaceChildren(element("p", { class: "status" }));
      this.#showStatus();
      return;
    }
    this.under.replaceChildren(this.#tools(), this.#facts());
  }

  #showStatus() {
    const line = this.under.querySelector(".status");
    if (line && this.view.writing) line.textContent = statusOf(this.live);
  }

  #facts() {
    const { tokens, speed, seconds, finish, model, created } = this.view;
    const facts = [
      tokens > 0 && translate("chat.tokens", { count: tokens }),
      speed > 0 && translate("chat.speed", { speed: amount(speed) }),
      seconds > 0 && translate("chat.seconds", { seconds: amount(seconds) }),
      finish && finish !== "stop" && translate(CUTS[finish]),
    ].filter(Boolean);
    return element("p", { class: "facts", title: [model, moment(created)].filter(Boolean).join(" · ") }, facts.join(" · "));
  }

  #tools() {
    const { view, deeds } = this;
    const tools = element("div", { class: "tools" });
    if (view.siblings.length > 1) tools.append(this.#versions());
    tools.append(tool("copy", translate("page.copy"), (button) => void this.#copy(button)), tool("pencil", translate("chat.edit"), () => void this.edit(), "changes"));
    if (this.isAnswer) tools.append(tool("retry", translate("chat.retry"), () => void attempt(deeds.retry(view.id)), "changes again"));
    tools.append(tool("trash", translate("chat.delete"), () => void attempt(deeds.takeOut(view.id)), "changes"));
    if (view.last && CUT.has(view.finish)) tools.append(this.#goOn());
    return tools;
  }

  #goOn() {
    return labelled("forward", translate("chat.continue"), () => void attempt(this.deeds.goOn()), "changes");
  }

  #versions() {
    const { id, siblings } = this.view;
    const at = siblings.indexOf(id);
    const arrow = (/** @type {string} */ sign, /** @type {string} */ label, /** @type {string | undefined} */ to) => {
      const button = tool(sign, label, () => to && void attempt(this.deeds.show(to)), "changes");
      button.disabled = !to;
      return button;
    };
    const place = element("span", { "aria-label": translate("chat.version_long", { at: at + 1, of: siblings.length }) }, translate("chat.version", { at: at + 1, of: siblings.length }));
    return element("div", { class: "versions", role: "group" }, arrow("left", translate("chat.previous_version"), siblings[at - 1]), place, arrow("right", translate("chat.next_version"), siblings[at + 1]));
  }

  /** @param {HTMLButtonElement} button */
  async #copy(button) {
    const text = await attempt(rawText(this.deeds.chat(), this.view.id));
    if (text !== undefined) await copy(text, button);
  }
}

/** @param {string} role */
function kind(role) {
  return role === "assistant" || role === "user" ? role : "other";
}

/** @param {string} role */
function nameOf(role) {
  if (role === "assistant") return "chat.answer";
  return role === "user" ? "chat.you" : "chat.note";
}

/** Say what is done for an answer just now. @param {Live | null} live */
function statusOf(live) {
  if (!live) return translate("status.starting");
  const [done, all] = live.read;
  switch (live.status) {
    case "waiting":
      return done > 0 ? translate("status.waiting", { count: done }) : translate("status.starting");
    case "reading":
      return translate("status.reading", { read: done, all });
    case "thinking":
      return translate("status.thinking", { count: live.pieces });
    case "writing":
      return translate("status.writing", { count: live.pieces });
    default:
      return translate("status.loading");
  }
}

/** @param {number} seconds 0 where it is not known */
function thoughtLabel(seconds) {
  return seconds ? translate("chat.thought_for", { seconds: amount(seconds) }) : translate("chat.thought");
}
