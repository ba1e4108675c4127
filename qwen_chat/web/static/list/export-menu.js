/** The entries of a menu that export a conversation. */

import { translate } from "../lib/translate.js";

const KINDS = /** @type {const} */ ({
  md: "list.export_md",
  html: "list.export_html",
  json: "list.export_json",
  qwen: "list.export_qwen",
});

/** @param {string} chat @returns {import("../lib/menu.js").Item[]} */
export function exportItems(chat) {
  return Object.entries(KINDS).map(([kind, label]) => ({
    label: translate(label),
    icon: "download",
    download: `chat/${chat}/export?kind=${kind}`,
  }));
}
