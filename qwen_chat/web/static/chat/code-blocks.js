/** Adds buttons to code blocks of answers, and opens their links in a new tab. */

import { element } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { showError } from "../lib/toasts.js";
import { iconButton } from "../lib/buttons.js";
import { translate } from "../lib/translate.js";

const COPIED_SECONDS = 1.5;

/** Elements that scroll sideways get a tab stop, so that the keyboard can scroll them. */
const WIDE = ".code pre, .table, .formula";

/** @type {Record<string, string>} */
const ENDINGS = {
  bash: "sh", c: "c", "c++": "cpp", cpp: "cpp", css: "css", go: "go", html: "html", java: "java", javascript: "js",
  js: "js", json: "json", kotlin: "kt", markdown: "md", php: "php", py: "py", python: "py", ruby: "rb", rust: "rs",
  sh: "sh", shell: "sh", sql: "sql", swift: "swift", toml: "toml", ts: "ts", typescript: "ts", xml: "xml", yaml: "yaml",
};

/** Add buttons and tab stops to the blocks from `first` up to, but not including, `end`. @param {Element | null} first @param {Element | null} end */
export function decorate(first, end) {
  for (let block = first; block && block !== end; block = block.nextElementSibling) {
    if (block.matches(".code")) addCodeButtons(block);
    for (const code of block.querySelectorAll(".code")) addCodeButtons(code);
    for (const wide of [block, ...block.querySelectorAll(WIDE)]) if (wide.matches(WIDE)) wide.setAttribute("tabindex", "0");
  }
}

/** @param {Element} block */
function addCodeButtons(block) {
  if (block.querySelector(":scope > .code-tools")) return;
  block.append(
    element(
      "div",
      { class: "code-tools" },
      iconButton("copy", translate("chat.copy_code"), (button) => copy(codeOf(block), button)),
      iconButton("download", translate("chat.download_code"), () => download(block)),
    ),
  );
}

/** @param {Element} block */
function codeOf(block) {
  return block.querySelector("pre")?.textContent ?? "";
}

/** @param {Element} block */
function download(block) {
  const language = block.querySelector(".language")?.textContent?.toLowerCase() ?? "";
  const address = URL.createObjectURL(new Blob([codeOf(block)], { type: "text/plain" }));
  element("a", { href: address, download: `code.${ENDINGS[language] ?? "txt"}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

/** Copy a text, and show a check mark on the button. @param {string} text @param {HTMLButtonElement} button */
export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    if (!copyWithoutClipboard(text)) {
      showError(translate("page.not_copied"));
      return;
    }
  }
  if (button.classList.contains("copied")) return;
  const before = [...button.childNodes];
  button.replaceChildren(icon("check"));
  button.classList.add("copied");
  button.setAttribute("aria-label", translate("page.copied"));
  setTimeout(() => {
    button.replaceChildren(...before);
    button.classList.remove("copied");
    button.setAttribute("aria-label", button.title);
  }, COPIED_SECONDS * 1000);
}

/** Copy without the clipboard API, which browsers refuse over plain HTTP from another machine. @param {string} text */
function copyWithoutClipboard(text) {
  const focused = document.activeElement;
  const area = element("textarea", { class: "unseen", "aria-hidden": "true" });
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return done;
}

/** Open the links of answers in a new tab. @param {HTMLElement} root */
export function openLinksInNewTab(root) {
  root.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest(".written a[href]");
    if (link) link.setAttribute("target", "_blank");
  });
}
