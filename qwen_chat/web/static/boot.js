/* Runs before the page is drawn, so that it is never seen in the wrong colours or the wrong language. */

(() => {
  const kept = (/** @type {string} */ name) => {
    try {
      return localStorage.getItem(`qwen-chat:${name}`);
    } catch {
      return null;
    }
  };

  const language = kept("language");
  // Gradio's own parts take the browser's language; here they take the one that was chosen.
  if (language) {
    const tag = language === "zh" ? "zh-CN" : "en";
    Object.defineProperty(navigator, "language", { get: () => tag });
    Object.defineProperty(navigator, "languages", { get: () => [tag] });
  }

  const system = matchMedia("(prefers-color-scheme: dark)");
  const colour = () => {
    const chosen = kept("appearance");
    const dark = chosen ? chosen === "dark" : system.matches;
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
    // Only a change is written: writing calls this again.
    if (document.body.classList.contains("dark") !== dark) document.body.classList.toggle("dark", dark);
  };

  document.addEventListener("DOMContentLoaded", () => {
    colour();
    // Gradio follows the system by itself, whatever was chosen.
    new MutationObserver(colour).observe(document.body, { attributes: true, attributeFilter: ["class"] });
    system.addEventListener("change", colour);
    document.addEventListener("qwen-chat:appearance", colour);
  });
})();
