/** Jumps to a search result, which may be far back or in another branch. */

import { attempt } from "../lib/toasts.js";

/** @typedef {import("./conversation.js").Conversation} Conversation */

export class SearchJump {
  /** @param {Conversation} conversation @param {(message: string) => Promise<void>} showBranch switches to the branch of a message */
  constructor(conversation, showBranch) {
    this.conversation = conversation;
    this.showBranch = showBranch;
    this.target = "";
    this.isBranchShown = false;
  }

  /** Set the message to jump to in the conversation that is being opened, or "" for none. @param {string} message */
  enter(message) {
    this.target = message;
    this.isBranchShown = false;
  }

  /** Jump to the target if it is there now, else switch to its branch once. */
  jump() {
    const { target } = this;
    if (!target) return;
    if (this.conversation.order.includes(target)) {
      this.target = "";
      void attempt(this.conversation.reveal(target));
    } else if (!this.isBranchShown) {
      this.isBranchShown = true;
      void attempt(this.showBranch(target));
    }
  }
}
