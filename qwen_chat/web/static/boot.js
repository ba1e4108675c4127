/* Runs before the page is drawn, so that it is never seen in the wrong colours. */

(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const kept = () => {
    try {
      return localStorage.getItem("qwen-chat:appearance");
    } catch {
      return null;
    }
  };
  const colour = () => {
    const chosen = kept();
    const dark = chosen ? chosen === "dark" : system.matches;
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
    document.documentElement.classList.toggle("dark", dark);
  };
  colour();
  system.addEventListener("change", colour);
  document.addEventListener("qwen-chat:appearance", colour);
})();
