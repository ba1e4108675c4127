/** One conversation in the list. */

import { post } from "../lib/api.js";
import { confirmed } from "../lib/dialogs.js";
import { element } from "../lib/dom.js";
import { exportItems } from "./export-menu.js";
import { icon } from "../lib/icons.js";
import { openMenu } from "../lib/menu.js";
import { moment } from "../lib/format.js";
import { rewritten } from "../lib/inline-rename.js";
import { attempt } from "../lib/toasts.js";
import { tool } from "../lib/buttons.js";
import { translate } from "../lib/translate.js";

/** @typedef {import("../lib/types.js").ListedChat} ListedChat */

/**
 * @typedef {object} RowDeeds
 * @property {(chat: string, message?: string) => void} open
 * @property {(chat: ListedChat) => Promise<void>} remove
 * @property {() => void} changed
 */

/** @param {ListedChat} chat @param {RowDeeds} deeds */
export function row(chat, deeds) {
  const title = chat.title || translate("list.untitled");
  const link = element("a", { class: "chat", href: `?chat=${encodeURIComponent(chat.id)}`, "data-chat": chat.id, title: moment(chat.updated) });
  link.append(element("span", { class: "name", dir: "auto" }, title));
  if (chat.pinned) link.append(icon("pin"));
  if (chat.excerpt) link.append(element("span", { class: "excerpt", dir: "auto" }, ...marked(chat.excerpt)));
  link.addEventListener("refocus", () => link.focus());
  link.addEventListener("click", (event) => {
    // With a key held it opens beside, as any link does.
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    deeds.open(chat.id, chat.message);
  });
  const more = tool("more", translate("list.more_for", { title }), (button) => openMenu(button, items(chat, link, deeds)));
  more.id = `more-${chat.id}`;
  more.setAttribute("aria-haspopup", "menu");
  return element("li", {}, link, more);
}

/** Mark a conversation as one that is answering, or no longer. @param {Element} link @param {boolean} answers */
export function markAnswering(link, answers) {
  const mark = link.querySelector(".answering");
  if (!answers) mark?.remove();
  else if (!mark) link.querySelector(".name")?.after(element("span", { class: "answering", role: "img", "aria-label": translate("list.answering"), title: translate("list.answering") }));
}

/** @param {ListedChat} chat @param {HTMLElement} link @param {RowDeeds} deeds @returns {import("../lib/menu.js").Item[]} */
function items(chat, link, deeds) {
  const pin = async () => {
    await post(`chat/${chat.id}/pin`, { pinned: !chat.pinned });
    deeds.changed();
  };
  const rename = async () => {
    const text = await rewritten(link, chat.title);
    if (text) await post(`chat/${chat.id}/rename`, { text });
    deeds.changed();
  };
  const remove = async () => {
    const text = translate("list.delete_text", { title: chat.title || translate("list.untitled") });
    if (await confirmed(translate("list.delete_title"), text, translate("list.delete"))) await deeds.remove(chat);
  };
  return [
    { label: translate("list.rename"), icon: "pencil", act: () => void attempt(rename()) },
    { label: translate(chat.pinned ? "list.unpin" : "list.pin"), icon: "pin", act: () => void attempt(pin()) },
    ...exportItems(chat.id),
    { label: translate("list.delete"), icon: "trash", grave: true, act: () => void attempt(remove()) },
  ];
}

/** Return a text in which «words» are marked. @param {string} excerpt @returns {(Node | string)[]} */
function marked(excerpt) {
  return excerpt.split(/«([^»]*)»/).map((part, at) => (at % 2 ? element("mark", {}, part) : part));
}
