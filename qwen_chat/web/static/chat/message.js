/** One message: what was said, how it came about, and what can be done with it. */

import { copy } from "./code-blocks.js";
import { rawText } from "../lib/api.js";
import { element } from "../lib/dom.js";
import { edited } from "./message-editor.js";
import { Fold } from "./fold.js";
import { draw, Growing } from "./incremental-html.js";
import { count, moment } from "../lib/format.js";
import { sentFiles } from "./sent-files.js";
import { attempt } from "../lib/toasts.js";
import { labelled, tool } from "../lib/buttons.js";
import { say, words } from "../lib/words.js";

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
    this.node.append(element("h2", { class: "unseen" }, say(nameOf(view.role))), this.text, this.under);
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
    this.#nameThought(live.status === "thinking" ? say("thinking") : say("thought", 0));
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
    await edited(this.node, raw, this.isAnswer ? say("save") : say("send"), save);
    this.node.classList.remove("editing");
  }

  /** @param {MessageView} view */
  #showText(view) {
    if (view.thought && view.thought !== this.drawnThought) this.#thoughts().finish(view.thought);
    if (view.thought) this.#nameThought(say("thought", view.thought_seconds));
    if (view.html !== this.drawn || !view.html) {
      if (this.isAnswer) this.growing.finish(view.html);
      else draw(this.text, view.html);
    }
    this.drawn = view.html;
    this.drawnThought = view.thought;
    const isEmpty = !view.html && !view.thought && !view.files.length;
    this.text.classList.toggle("empty", isEmpty);
    if (isEmpty) this.text.textContent = say("empty");
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
      tokens > 0 && say("tokens", tokens),
      speed > 0 && say("speed", speed),
      seconds > 0 && say("seconds", seconds),
      words.finish[finish],
    ].filter(Boolean);
    return element("p", { class: "facts", title: [model, moment(created)].filter(Boolean).join(" · ") }, facts.join(" · "));
  }

  #tools() {
    const { view, deeds } = this;
    const tools = element("div", { class: "tools" });
    if (view.siblings.length > 1) tools.append(this.#versions());
    tools.append(tool("copy", say("copy"), (button) => void this.#copy(button)), tool("pencil", say("edit"), () => void this.edit(), "changes"));
    if (this.isAnswer) tools.append(tool("retry", say("retry"), () => void attempt(deeds.retry(view.id)), "changes again"));
    tools.append(tool("trash", say("take"), () => void attempt(deeds.takeOut(view.id)), "changes"));
    if (view.last && CUT.has(view.finish)) tools.append(this.#goOn());
    return tools;
  }

  #goOn() {
    return labelled("forward", say("goOn"), () => void attempt(this.deeds.goOn()), "changes");
  }

  #versions() {
    const { id, siblings } = this.view;
    const at = siblings.indexOf(id);
    const arrow = (/** @type {string} */ sign, /** @type {string} */ label, /** @type {string | undefined} */ to) => {
      const button = tool(sign, label, () => to && void attempt(this.deeds.show(to)), "changes");
      button.disabled = !to;
      return button;
    };
    const place = element("span", { "aria-label": say("versionLong", at + 1, siblings.length) }, say("version", count(at + 1), count(siblings.length)));
    return element("div", { class: "versions", role: "group" }, arrow("left", say("previous"), siblings[at - 1]), place, arrow("right", say("next"), siblings[at + 1]));
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

/** @param {string} role @returns {"answer" | "you" | "other"} */
function nameOf(role) {
  if (role === "assistant") return "answer";
  return role === "user" ? "you" : "other";
}

/** Say what is done for an answer just now. @param {Live | null} live */
function statusOf(live) {
  const { status } = words;
  if (!live) return status.starting;
  const [done, all] = live.read;
  switch (live.status) {
    case "waiting":
      return done > 0 ? status.waiting(done) : status.starting;
    case "reading":
      return status.reading(done, all);
    case "thinking":
      return status.thinking(live.pieces);
    case "writing":
      return status.writing(live.pieces);
    default:
      return status.loading;
  }
}
