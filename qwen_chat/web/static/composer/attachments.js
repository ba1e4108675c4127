/** Files beside a message that is being written: read by the server at once, refused with the reason. */

import { postFile } from "../lib/api.js";
import { element } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { warn } from "../lib/toasts.js";
import { told } from "../lib/translate.js";
import { tool } from "../lib/buttons.js";
import { say } from "../lib/words.js";

/** @typedef {import("../lib/types.js").ReadFile} ReadFile */

const MOST_FILES = 20;
/** The server takes no more either; it would be sent in vain. */
const MOST_MIB = 10;

export class Attachments {
  /** @param {() => void} changed */
  constructor(changed) {
    this.changed = changed;
    /** @type {Map<HTMLElement, ReadFile | null>} null while a file is read */
    this.chips = new Map();
    this.node = element("ul", { class: "chips", "aria-label": say("attached"), hidden: true });
  }

  /** The files that are read. @returns {{name: string, text: string}[]} */
  get files() {
    return [...this.chips.values()].flatMap((file) => (file ? [{ name: file.name, text: file.text }] : []));
  }

  /** Whether a file is still being read. */
  get isReading() {
    return [...this.chips.values()].includes(null);
  }

  /** @param {Iterable<File>} files */
  add(files) {
    for (const file of files) {
      if (file.size > MOST_MIB * 2 ** 20) warn(say("fileTooLarge", file.name, MOST_MIB));
      else if (this.chips.size < MOST_FILES) void this.#read(file);
      else warn(say("tooMany", MOST_FILES));
    }
  }

  clear() {
    this.node.replaceChildren();
    this.chips.clear();
    this.#show();
  }

  /** @param {File} file */
  async #read(file) {
    const label = element("span", { dir: "auto" }, say("readingFile", file.name));
    const remove = tool("close", say("detach", file.name), () => this.#remove(chip));
    const chip = element("li", { class: "chip reading" }, icon("file"), label, remove);
    this.chips.set(chip, null);
    this.node.append(chip);
    this.#show();
    try {
      /** @type {ReadFile} */
      const read = await postFile("file", file);
      if (!this.chips.has(chip)) return;
      this.chips.set(chip, read);
      label.textContent = told(read.size);
      chip.classList.remove("reading");
      this.changed();
    } catch (fault) {
      this.#remove(chip);
      warn(fault);
    }
  }

  /** @param {HTMLElement} chip */
  #remove(chip) {
    this.chips.delete(chip);
    chip.remove();
    this.#show();
  }

  #show() {
    this.node.hidden = this.chips.size === 0;
    this.changed();
  }
}
