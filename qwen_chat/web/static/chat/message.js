/** One message: its text, its figures and its buttons. */

import { copy } from "./code-blocks.js";
import { rawText } from "../lib/api.js";
import { element } from "../lib/dom.js";
import { openEditor } from "./message-editor.js";
import { Fold } from "./fold.js";
import { renderHtml, IncrementalHtml } from "./incremental-html.js";
import { formatAmount, formatTime } from "../lib/format.js";
import { fileChips } from "./sent-files.js";
import { attempt } from "../lib/toasts.js";
import { labelledButton, iconButton } from "../lib/buttons.js";
import { translate } from "../lib/translate.js";

/** @typedef {import("../lib/types.js").MessageView} MessageView */
/** @typedef {import("../lib/types.js").Live} Live */

/**
 * @typedef {object} MessageActions the operations on messages; each resolves when the server has accepted it
 * @property {() => string} chat
 * @property {(message: string, text: string) => Promise<void>} edit
 * @property {(message: string) => Promise<void>} retry
 * @property {() => Promise<void>} continueAnswer
 * @property {(message: string) => Promise<void>} takeOut
 * @property {(message: string) => Promise<void>} show
 */

/** The label of an answer that did not end by itself, by its finish reason. */
const CUTS = /** @type {const} */ ({
  length: "chat.cut_length",
  context: "chat.cut_context",
  interrupted: "chat.cut_stopped",
  error: "chat.cut_failed",
});

/** The finish reasons of answers that can be continued. */
const CUT = new Set(["length", "context", "interrupted"]);

export class Message {
  /** @param {MessageView} view @param {MessageActions} actions */
  constructor(view, actions) {
    this.view = view;
    this.actions = actions;
    this.isAnswer = view.role === "assistant";
    this.text = element("div", { class: this.isAnswer ? "written" : "typed", dir: "auto" });
    this.footer = element("div", { class: "under" });
    this.node = element("article", { class: `message ${roleClass(view.role)}`, id: `message-${view.id}` });
    this.node.append(element("h2", { class: "unseen" }, translate(roleLabel(view.role))), this.text, this.footer);
    this.fold = new Fold(this.text);
    this.html = new IncrementalHtml(this.text);
    // Files of a message never change: an edit makes another message.
    if (view.files.length) this.text.before(fileChips(view.files));
    /** @type {HTMLDetailsElement | null} */
    this.thought = null;
    /** @type {IncrementalHtml | null} */
    this.thoughtHtml = null;
    /** @type {Live | null} */
    this.live = null;
    this.drawn = "";
    this.drawnThought = "";
    this.show(view);
  }

  /** Show the state that the server sent. @param {MessageView} view */
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
    this.#showFooter();
  }

  /** Apply new text; `fromStart` when it is the whole text so far. @param {Live} live @param {boolean} fromStart */
  applyLive(live, fromStart) {
    if (fromStart) {
      this.html.restart();
      this.thoughtHtml?.restart();
    }
    if (live.thought) this.#reasoningView().apply(live.thought);
    this.#setThoughtLabel(live.status === "thinking" ? translate("chat.thinking") : translate("chat.thought"));
    if (live.answer) this.html.apply(live.answer);
    this.live = live;
    this.#showStatus();
  }

  /** Open an editor in place of the message. */
  async edit() {
    const raw = await attempt(rawText(this.actions.chat(), this.view.id));
    if (raw === undefined || this.node.classList.contains("editing")) return;
    const save = (/** @type {string} */ text) => this.actions.edit(this.view.id, text);
    this.node.classList.add("editing");
    await openEditor(this.node, raw, this.isAnswer ? translate("page.save") : translate("composer.send"), save);
    this.node.classList.remove("editing");
  }

  /** @param {MessageView} view */
  #showText(view) {
    if (view.thought && view.thought !== this.drawnThought) this.#reasoningView().finish(view.thought);
    if (view.thought) this.#setThoughtLabel(thoughtLabel(view.thought_seconds));
    if (view.html !== this.drawn || !view.html) {
      if (this.isAnswer) this.html.finish(view.html);
      else renderHtml(this.text, view.html);
    }
    this.drawn = view.html;
    this.drawnThought = view.thought;
    const isEmpty = !view.html && !view.thought && !view.files.length;
    this.text.classList.toggle("empty", isEmpty);
    if (isEmpty) this.text.textContent = translate("chat.empty");
    this.text.hidden = !view.html && view.files.length > 0;
    if (!this.isAnswer) this.fold.foldIfLong();
  }

  #reasoningView() {
    if (!this.thought || !this.thoughtHtml) {
      const inside = element("div", { class: "written", dir: "auto" });
      this.thought = element("details", { class: "thought" }, element("summary", {}), inside);
      this.thoughtHtml = new IncrementalHtml(inside);
      this.text.before(this.thought);
    }
    return this.thoughtHtml;
  }

  /** @param {string} name */
  #setThoughtLabel(name) {
    const summary = this.thought?.firstElementChild;
    if (summary && summary.textContent !== name) summary.textContent = name;
  }

  #showFooter() {
    if (this.view.writing) {
      this.footer.replaceChildren(element("p", { class: "status" }));
      this.#showStatus();
      return;
    }
    this.footer.replaceChildren(this.#tools(), this.#facts());
  }

  #showStatus() {
    const line = this.footer.querySelector(".status");
    if (line && this.view.writing) line.textContent = statusText(this.live);
  }

  #facts() {
    const { tokens, speed, seconds, finish, model, created } = this.view;
    const facts = [
      tokens > 0 && translate("chat.tokens", { count: tokens }),
      speed > 0 && translate("chat.speed", { speed: formatAmount(speed) }),
      seconds > 0 && translate("chat.seconds", { seconds: formatAmount(seconds) }),
      finish && finish !== "stop" && translate(CUTS[finish]),
    ].filter(Boolean);
    return element("p", { class: "facts", title: [model, formatTime(created)].filter(Boolean).join(" · ") }, facts.join(" · "));
  }

  #tools() {
    const { view, actions } = this;
    const tools = element("div", { class: "tools" });
    if (view.siblings.length > 1) tools.append(this.#versions());
    tools.append(iconButton("copy", translate("page.copy"), (button) => void this.#copy(button)), iconButton("pencil", translate("chat.edit"), () => void this.edit(), "changes"));
    if (this.isAnswer) tools.append(iconButton("retry", translate("chat.retry"), () => void attempt(actions.retry(view.id)), "changes again"));
    tools.append(iconButton("trash", translate("chat.delete"), () => void attempt(actions.takeOut(view.id)), "changes"));
    if (view.last && CUT.has(view.finish)) tools.append(this.#continueButton());
    return tools;
  }

  #continueButton() {
    return labelledButton("forward", translate("chat.continue"), () => void attempt(this.actions.continueAnswer()), "changes");
  }

  #versions() {
    const { id, siblings } = this.view;
    const at = siblings.indexOf(id);
    const arrow = (/** @type {string} */ sign, /** @type {string} */ label, /** @type {string | undefined} */ to) => {
      const button = iconButton(sign, label, () => to && void attempt(this.actions.show(to)), "changes");
      button.disabled = !to;
      return button;
    };
    const place = element("span", { "aria-label": translate("chat.version_long", { at: at + 1, of: siblings.length }) }, translate("chat.version", { at: at + 1, of: siblings.length }));
    return element("div", { class: "versions", role: "group" }, arrow("left", translate("chat.previous_version"), siblings[at - 1]), place, arrow("right", translate("chat.next_version"), siblings[at + 1]));
  }

  /** @param {HTMLButtonElement} button */
  async #copy(button) {
    const text = await attempt(rawText(this.actions.chat(), this.view.id));
    if (text !== undefined) await copy(text, button);
  }
}

/** @param {string} role */
function roleClass(role) {
  return role === "assistant" || role === "user" ? role : "other";
}

/** @param {string} role */
function roleLabel(role) {
  if (role === "assistant") return "chat.answer";
  return role === "user" ? "chat.you" : "chat.note";
}

/** Return a line about the progress of an answer. @param {Live | null} live */
function statusText(live) {
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
  return seconds ? translate("chat.thought_for", { seconds: formatAmount(seconds) }) : translate("chat.thought");
}
