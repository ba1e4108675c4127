/**
 * Types of what the server sends.
 *
 * @typedef {{name: string, text: string, lines: number}} SentFile
 *
 * @typedef {object} CatalogText a text of the catalogue in English, with what puts it into another language
 * @property {string} text
 * @property {string} code "" for a text that is not from the catalogue
 * @property {Record<string, string | number | CatalogText>} arguments
 *
 * @typedef {object} MessageView
 * @property {string} id
 * @property {string} role
 * @property {string} html sanitised on the server; empty while the message is written
 * @property {SentFile[]} files
 * @property {string} thought
 * @property {number} thought_seconds
 * @property {string[]} siblings
 * @property {"" | "stop" | "length" | "context" | "interrupted" | "error"} finish
 * @property {number} tokens
 * @property {number} seconds
 * @property {number} speed
 * @property {string} model
 * @property {number} created
 * @property {boolean} last
 * @property {boolean} writing
 *
 * @typedef {object} ModelView
 * @property {string} name
 * @property {CatalogText} about what an embedded model is, in a few words
 * @property {boolean} ready
 * @property {CatalogText | null} fault
 * @property {string} notice
 *
 * @typedef {object} ChatView
 * @property {string} id
 * @property {string} title
 * @property {{name: string, title: string} | null} role
 * @property {CatalogText[]} examples what to ask first
 * @property {string | null} running
 * @property {boolean} incognito
 * @property {boolean} saved
 * @property {"auto" | "on" | "off"} think
 * @property {number} left_out
 * @property {ModelView} model
 * @property {string} system
 * @property {boolean} thinks
 * @property {[number, number]} context tokens used, and the size of the context window
 *
 * @typedef {{closed: string, keep: number, add: string}} Patch
 *
 * @typedef {object} Live
 * @property {string} id
 * @property {"loading" | "waiting" | "reading" | "thinking" | "writing"} status
 * @property {[number, number]} read
 * @property {number} pieces
 * @property {Patch | null} thought
 * @property {Patch | null} answer
 *
 * @typedef {object} Frame
 * @property {ChatView} [chat]
 * @property {string[]} [order]
 * @property {Record<string, MessageView>} [messages]
 * @property {Live} [live]
 * @property {CatalogText[]} [notices]
 * @property {number} [list]
 * @property {string[]} [answering] conversations in which an answer is being written
 *
 * @typedef {object} Role
 * @property {string} name
 * @property {string} title
 * @property {string} use
 * @property {string} language
 * @property {string} greeting
 * @property {string[]} examples
 * @property {string} system
 *
 * @typedef {object} ListedChat
 * @property {string} id
 * @property {string} title
 * @property {number} updated
 * @property {boolean} [pinned]
 * @property {string} [excerpt] with the found words in «»
 * @property {string} [message]
 *
 * @typedef {{name: string, text: string, size: CatalogText}} ReadFile
 */
export {};
