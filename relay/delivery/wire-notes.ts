/** What one attempt says about its request, until the attempt is over and it is kept in its bounds. */
import type { EventMeta } from "../event/event.ts";
import { MASK } from "../../lib/log.ts";
import {
  exchangeOf,
  sentSecrets,
  type AnswerHeaders,
  type Exchange,
  type SentRequest,
} from "../queue/exchange.ts";
import type { Wire } from "./port.ts";

export class WireNotes implements Wire {
  #sent: SentRequest | null = null;
  #answer: AnswerHeaders | null = null;

  sent(request: SentRequest): void {
    this.#sent = request;
    this.#answer = null;
  }

  answered(headers: AnswerHeaders): void {
    this.#answer = headers;
  }

  /** The beginning of the answer without what the settings sent along: some targets send everything back. */
  masked(excerpt: string | null): string | null {
    if (excerpt === null || this.#sent === null || this.#sent.hidden.size === 0) return excerpt;
    return sentSecrets(this.#sent).reduce((text, secret) => text.replaceAll(secret, MASK), excerpt);
  }

  /** As it is kept with the attempt; null if nothing was sent. */
  exchange(meta: EventMeta): Exchange | null {
    return this.#sent === null ? null : exchangeOf(this.#sent, this.#answer, meta);
  }
}
