/** What is added to an answer's HTML: buttons on code, and links that leave the page alone. */

import { element } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { warn } from "../lib/toasts.js";
import { tool } from "../lib/buttons.js";
import { translate } from "../lib/translate.js";

const COPIED_SECONDS = 1.5;

/** What may be wider than the page scrolls by itself, and so by the keyboard, too. */
const WIDE = ".code pre, .table, .formula";

/** @type {Record<string, string>} */
const ENDINGS = {
  bash: "sh", c: "c", "c++": "cpp", cpp: "cpp", css: "css", go: "go", html: "html", java: "java", javascript: "js",
  js: "js", json: "json", kotlin: "kt", markdown: "md", php: "php", py: "py", python: "py", ruby: "rb", rust: "rs",
  sh: "sh", shell: "sh", sql: "sql", swift: "swift", toml: "toml", ts: "ts", typescript: "ts", xml: "xml", yaml: "yaml",
};

/** Add to the blocks from `first` to before `end` what they need. @param {Element | null} first @param {Element | null} end */
export function dress(first, end) {
  for (let block = first; block && block !== end; block = block.nextElementSibling) {
    if (block.matches(".code")) dressCode(block);
    for (const code of block.querySelectorAll(".code")) dressCode(code);
    for (const wide of [block, ...block.querySelectorAll(WIDE)]) if (wide.matches(WIDE)) wide.setAttribute("tabindex", "0");
  }
}

/** @param {Element} block */
function dressCode(block) {
  if (block.querySelector(":scope > .code-tools")) return;
  block.append(
    element(
      "div",
      { class: "code-tools" },
      tool("copy", translate("chat.copy_code"), (button) => copy(codeOf(block), button)),
      tool("download", translate("chat.download_code"), () => download(block)),
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

/** Copy a text, and show on the button that it was. @param {string} text @param {HTMLButtonElement} button */
export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    if (!copiedByHand(text)) {
      warn(translate("page.not_copied"));
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

/** Copy where the clipboard may not be had, as over plain HTTP from another machine. @param {string} text */
function copiedByHand(text) {
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

/** Let links in answers open beside the page. @param {HTMLElement} root */
export function openLinksBeside(root) {
  root.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest(".written a[href]");
    if (link) link.setAttribute("target", "_blank");
  });
}
