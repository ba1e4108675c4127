/** The settings panel: a document in a frame, loaded when the sidebar is first opened. */

import { element } from "./dom.js";
import { language } from "./locale.js";
import { translate } from "./translate.js";

export class SettingsPanel {
  /** @param {HTMLElement} anchor @param {(frame: Document) => void} listen */
  constructor(anchor, listen) {
    this.anchor = anchor;
    this.listen = listen;
    this.chat = "";
    /** @type {HTMLIFrameElement | null} */
    this.frame = null;
    this.isLoaded = false;
    document.addEventListener("qwen-chat:appearance", () => this.#applyAppearance());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#applyAppearance());
  }

  /** Load the panel, unless it is there already. */
  load() {
    if (this.frame) return;
    this.frame = element("iframe", { title: translate("page.settings"), src: this.#address().href });
    this.frame.addEventListener("load", () => this.#handleLoad());
    this.anchor.append(element("p", { class: "hint", role: "status" }, translate("page.loading_settings")), this.frame);
  }

  /** Let the panel show another conversation. @param {string} chat */
  show(chat) {
    this.chat = chat;
    this.#updateAddress();
  }

  #handleLoad() {
    this.isLoaded = true;
    this.frame?.classList.add("loaded");
    const inside = this.frame?.contentDocument;
    if (inside) this.listen(inside);
    this.#applyAppearance();
    this.#updateAddress();
  }

  /** Name the conversation in the panel's address: the panel sends it along with everything that it asks. */
  #updateAddress() {
    if (this.isLoaded) this.frame?.contentWindow?.history.replaceState(null, "", this.#address());
  }

  #applyAppearance() {
    this.frame?.contentDocument?.body?.classList.toggle("dark", isDark());
  }

  #address() {
    const address = new URL(`panel/${language}/`, document.baseURI);
    address.searchParams.set("chat", this.chat);
    address.searchParams.set("__theme", isDark() ? "dark" : "light");
    return address;
  }
}

function isDark() {
  return document.documentElement.classList.contains("dark");
}
