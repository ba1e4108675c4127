/** What the page asks of the server; every address is relative, as the page may stand anywhere. */

import { translate, translateText } from "./translate.js";

/** The status of what is asked by someone who is not logged in, or no longer. */
export const LOGGED_OUT = 401;

/** A refusal; its message is one line that can be shown. */
export class Fault extends Error {
  /** @param {string} message @param {number} status */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * Fetch something, and return the answer when it went well.
 *
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 */
async function fetched(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Fault(translate("connection.offline"), 0);
  }
  if (!response.ok) throw new Fault(await reason(response), response.status);
  return response;
}

/** @param {Response} response */
async function reason(response) {
  if (response.status === LOGGED_OUT) return translate("connection.logged_out");
  try {
    const { error, code, arguments: values } = await response.json();
    return translateText({ text: String(error), code, arguments: values });
  } catch {
    return response.status === 413 ? translate("connection.too_large") : translate("connection.failed", { status: String(response.status) });
  }
}

/** @param {string} path @returns {Promise<any>} */
export async function get(path) {
  return (await fetched(path)).json();
}

/** Return a message byte by byte as it was typed or written. @param {string} chat @param {string} message */
export async function rawText(chat, message) {
  return (await fetched(`chat/${chat}/text/${message}`)).text();
}

/** @param {string} path @param {object} [body] @returns {Promise<any>} */
export async function post(path, body) {
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body ?? {}) };
  return (await fetched(path, options)).json();
}

/** Send a file as it is. @param {"import" | "file"} kind @param {File} file @returns {Promise<any>} */
export async function postFile(kind, file) {
  const path = `chat/${kind}?name=${encodeURIComponent(file.name)}`;
  const headers = { "Content-Type": "application/octet-stream" };
  return (await fetched(path, { method: "POST", headers, body: file })).json();
}
