/** A conversation as a file to keep. */

import { words } from "../lib/words.js";

/** @param {string} chat @returns {import("../lib/menu.js").Item[]} */
export function exportItems(chat) {
  return /** @type {("md" | "html" | "json" | "qwen")[]} */ (["md", "html", "json", "qwen"]).map((kind) => ({
    label: words.exportAs[kind],
    icon: "download",
    download: `chat/${chat}/export?kind=${kind}`,
  }));
}
