/** Small things that a browser keeps for the page; one that keeps nothing costs only the memory of them. */

const PREFIX = "qwen-chat:";

/** @param {string} name @param {Storage} [where] @returns {string | null} */
export function kept(name, where = localStorage) {
  try {
    return where.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/** Keep a value, or forget it when it is empty. @param {string} name @param {string} value @param {Storage} [where] */
export function keep(name, value, where = localStorage) {
  try {
    if (value) where.setItem(PREFIX + name, value);
    else where.removeItem(PREFIX + name);
  } catch {
    // A full or forbidden storage is no reason to stop working.
  }
}
