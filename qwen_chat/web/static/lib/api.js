/** Requests to the server; all addresses are relative, since the page may be served below any path. */

import { translate, translateText } from "./translate.js";

/** The status of a request by someone who is not logged in. */
export const LOGGED_OUT = 401;

/** A request that failed; its message is one line to show to the person. */
export class ApiError extends Error {
  /** @param {string} message @param {number} status */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * Send a request, and return the response if it succeeded.
 *
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 */
async function request(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new ApiError(translate("connection.offline"), 0);
  }
  if (!response.ok) throw new ApiError(await errorText(response), response.status);
  return response;
}

/** @param {Response} response */
async function errorText(response) {
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
  return (await request(path)).json();
}

/** Return the exact text of a message. @param {string} chat @param {string} message */
export async function rawText(chat, message) {
  return (await request(`chat/${chat}/text/${message}`)).text();
}

/** @param {string} path @param {object} [body] @returns {Promise<any>} */
export async function post(path, body) {
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body ?? {}) };
  return (await request(path, options)).json();
}

/** Send the bytes of a file. @param {"import" | "file"} kind @param {File} file @returns {Promise<any>} */
export async function postFile(kind, file) {
  const path = `chat/${kind}?name=${encodeURIComponent(file.name)}`;
  const headers = { "Content-Type": "application/octet-stream" };
  return (await request(path, { method: "POST", headers, body: file })).json();
}
