/** One conversation in the list. */

import { post } from "../lib/api.js";
import { confirmAction } from "../lib/dialogs.js";
import { element } from "../lib/dom.js";
import { exportItems } from "./export-menu.js";
import { icon } from "../lib/icons.js";
import { openMenu } from "../lib/menu.js";
import { formatTime } from "../lib/format.js";
import { editInline } from "../lib/inline-rename.js";
import { attempt } from "../lib/toasts.js";
import { iconButton } from "../lib/buttons.js";
import { translate } from "../lib/translate.js";

/** @typedef {import("../lib/types.js").ListedChat} ListedChat */

/**
 * @typedef {object} RowActions
 * @property {(chat: string, message?: string) => void} open
 * @property {(chat: ListedChat) => Promise<void>} remove
 * @property {() => void} changed
 */

/** @param {ListedChat} chat @param {RowActions} actions */
export function chatRow(chat, actions) {
  const title = chat.title || translate("list.untitled");
  const link = element("a", { class: "chat", href: `?chat=${encodeURIComponent(chat.id)}`, "data-chat": chat.id, title: formatTime(chat.updated) });
  link.append(element("span", { class: "name", dir: "auto" }, title));
  if (chat.pinned) link.append(icon("pin"));
  if (chat.excerpt) link.append(element("span", { class: "excerpt", dir: "auto" }, ...highlight(chat.excerpt)));
  link.addEventListener("refocus", () => link.focus());
  link.addEventListener("click", (event) => {
    // With a modifier key, the browser opens the link in a new tab or window.
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    actions.open(chat.id, chat.message);
  });
  const more = iconButton("more", translate("list.more_for", { title }), (button) => openMenu(button, menuItems(chat, link, actions)));
  more.id = `more-${chat.id}`;
  more.setAttribute("aria-haspopup", "menu");
  return element("li", {}, link, more);
}

/** Show or hide the mark of a conversation in which an answer is being written. @param {Element} link @param {boolean} answers */
export function markAnswering(link, answers) {
  const mark = link.querySelector(".answering");
  if (!answers) mark?.remove();
  else if (!mark) link.querySelector(".name")?.after(element("span", { class: "answering", role: "img", "aria-label": translate("list.answering"), title: translate("list.answering") }));
}

/** @param {ListedChat} chat @param {HTMLElement} link @param {RowActions} actions @returns {import("../lib/menu.js").Item[]} */
function menuItems(chat, link, actions) {
  const pin = async () => {
    await post(`chat/${chat.id}/pin`, { pinned: !chat.pinned });
    actions.changed();
  };
  const rename = async () => {
    const text = await editInline(link, chat.title);
    if (text) await post(`chat/${chat.id}/rename`, { text });
    actions.changed();
  };
  const remove = async () => {
    const text = translate("list.delete_text", { title: chat.title || translate("list.untitled") });
    if (await confirmAction(translate("list.delete_title"), text, translate("list.delete"))) await actions.remove(chat);
  };
  return [
    { label: translate("list.rename"), icon: "pencil", act: () => void attempt(rename()) },
    { label: translate(chat.pinned ? "list.unpin" : "list.pin"), icon: "pin", act: () => void attempt(pin()) },
    ...exportItems(chat.id),
    { label: translate("list.delete"), icon: "trash", grave: true, act: () => void attempt(remove()) },
  ];
}

/** Return a text with its «words» as <mark> elements. @param {string} excerpt @returns {(Node | string)[]} */
function highlight(excerpt) {
  return excerpt.split(/«([^»]*)»/).map((part, at) => (at % 2 ? element("mark", {}, part) : part));
}
