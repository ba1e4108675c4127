/** What a search led to, brought into sight: it may stand far back, or in another branch. */

import { attempt } from "../lib/toasts.js";

/** @typedef {import("./conversation.js").Conversation} Conversation */

export class Seeking {
  /** @param {Conversation} conversation @param {(message: string) => Promise<void>} bring brings the branch of a message into view */
  constructor(conversation, bring) {
    this.conversation = conversation;
    this.bring = bring;
    this.sought = "";
    this.isBrought = false;
  }

  /** Look for a message in the conversation that is entered now, or for none. @param {string} message */
  enter(message) {
    this.sought = message;
    this.isBrought = false;
  }

  /** Go on looking, whenever there is something new to look at. */
  look() {
    const { sought } = this;
    if (!sought) return;
    if (this.conversation.order.includes(sought)) {
      this.sought = "";
      void attempt(this.conversation.reveal(sought));
    } else if (!this.isBrought) {
      this.isBrought = true;
      void attempt(this.bring(sought));
    }
  }
}
