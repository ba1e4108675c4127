/** The files attached to a message: one chip for each, which unfolds to the text of the file. */

import { element } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { translate } from "../lib/translate.js";

/** @typedef {import("../lib/types.js").SentFile} SentFile */

/** @param {SentFile[]} files */
export function fileChips(files) {
  return element("ul", { class: "files", "aria-label": translate("composer.attached") }, ...files.map((file) => element("li", {}, fileChip(file))));
}

/** @param {SentFile} file */
function fileChip({ name, text, lines }) {
  const summary = element("summary", {}, icon("file"), element("span", { class: "name", dir: "auto" }, name), element("span", {}, translate("chat.lines", { count: lines })));
  const shown = element("pre", { tabindex: "0", dir: "auto", role: "region", "aria-label": name }, text);
  return element("details", { class: "file" }, summary, shown);
}
