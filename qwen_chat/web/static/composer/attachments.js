/** The files attached to the message that is being written; the server reads each at once, or says why it refuses it. */

import { postFile } from "../lib/api.js";
import { element } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { showError } from "../lib/toasts.js";
import { iconButton } from "../lib/buttons.js";
import { translate, translateText } from "../lib/translate.js";

/** @typedef {import("../lib/types.js").ReadFile} ReadFile */

const MOST_FILES = 20;
/** The limit of the server. */
const MOST_MIB = 10;

export class Attachments {
  /** @param {() => void} changed */
  constructor(changed) {
    this.changed = changed;
    /** @type {Map<HTMLElement, ReadFile | null>} null while a file is read */
    this.chips = new Map();
    this.node = element("ul", { class: "chips", "aria-label": translate("composer.attached"), hidden: true });
  }

  /** The files that the server has read. @returns {{name: string, text: string}[]} */
  get files() {
    return [...this.chips.values()].flatMap((file) => (file ? [{ name: file.name, text: file.text }] : []));
  }

  /** Whether the server is still reading a file. */
  get isReading() {
    return [...this.chips.values()].includes(null);
  }

  /** @param {Iterable<File>} files */
  add(files) {
    for (const file of files) {
      if (file.size > MOST_MIB * 2 ** 20) showError(translate("composer.file_too_large", { name: file.name, size: MOST_MIB }));
      else if (this.chips.size < MOST_FILES) void this.#read(file);
      else showError(translate("composer.too_many_files", { most: MOST_FILES }));
    }
  }

  clear() {
    this.node.replaceChildren();
    this.chips.clear();
    this.#show();
  }

  /** @param {File} file */
  async #read(file) {
    const label = element("span", { dir: "auto" }, translate("composer.reading_file", { name: file.name }));
    const remove = iconButton("close", translate("composer.remove_file", { name: file.name }), () => this.#remove(chip));
    const chip = element("li", { class: "chip reading" }, icon("file"), label, remove);
    this.chips.set(chip, null);
    this.node.append(chip);
    this.#show();
    try {
      /** @type {ReadFile} */
      const read = await postFile("file", file);
      if (!this.chips.has(chip)) return;
      this.chips.set(chip, read);
      label.textContent = translateText(read.size);
      chip.classList.remove("reading");
      this.changed();
    } catch (fault) {
      this.#remove(chip);
      showError(fault);
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
