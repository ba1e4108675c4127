/** The browser's storage; where it is full or forbidden, nothing is stored and the page still works. */

const PREFIX = "qwen-chat:";

/** @param {string} name @param {Storage} [where] @returns {string | null} */
export function readItem(name, where = localStorage) {
  try {
    return where.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/** Store a value, or delete it if it is empty. @param {string} name @param {string} value @param {Storage} [where] */
export function writeItem(name, value, where = localStorage) {
  try {
    if (value) where.setItem(PREFIX + name, value);
    else where.removeItem(PREFIX + name);
  } catch {
    // The page works without storage.
  }
}
