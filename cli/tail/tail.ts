/**
 * Follows the events of a running relay over one connection: each one once, in the order of storing, over broken connections and
 * restarts of the relay. It knows which events it had last, and begins behind them when it comes back.
 */
import { sleep, type Clock } from "../../lib/clock.ts";
import type { RecentIds } from "../../relay/event/recent-ids.ts";
import { eventPageAnswer, tailedEvent, type TailedEvent } from "../answers.ts";
import { RelayApiError, networkText, type RelayApi } from "../relay-api.ts";
import { jsonLines } from "./json-lines.ts";

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 15_000;

export interface TailDeps {
  readonly api: RelayApi;
  readonly clock: Clock;
  /** Parameters of the API that say which events. */
  readonly filters: ReadonlyMap<string, string>;
  /** Id of the event to begin behind; null: the filters say from when on; absent: from now on. */
  readonly after?: string | null;
  /** Aborts to end it. */
  readonly signal: AbortSignal;
  readonly wantsBodies: boolean;
  /** Called for one event after another; false: that was the last. */
  readonly onEvent: (event: TailedEvent) => Promise<boolean>;
  /** Told when contact is lost and found again. */
  readonly notice: (text: string) => void;
}

export class Tail {
  readonly #deps: TailDeps;
  /** Null: it is not known where to begin. */
  #had: RecentIds | null = null;
  #isOver = false;
  /** In a row. */
  #failures = 0;
  #isLost = false;
  /** A relay that never answered is rather the wrong address: that is told at once. */
  #wasThere = false;

  constructor(deps: TailDeps) {
    this.#deps = deps;
  }

  /** Resolves at the end. Rejects with a RelayApiError if the relay refuses for good: token, rights, parameters. */
  async run(): Promise<void> {
    const { signal, clock } = this.#deps;
    const recent = await import("../../relay/event/recent-ids.ts");
    while (!this.#isOver && !signal.aborted) {
      try {
        this.#had ??= new recent.RecentIds(await this.#begin());
        await this.#follow(this.#had);
      } catch (error) {
        if (signal.aborted) return;
        this.#judge(error);
      }
      const ms = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(this.#failures, 10));
      this.#failures += 1;
      if (!this.#isOver) await sleep(clock, ms, signal).catch(() => {});
    }
  }

  /** The event to begin behind; null: at the oldest one. */
  async #begin(): Promise<string | null> {
    const { api, after, signal } = this.#deps;
    if (after !== undefined) return after;
    const { events } = await api.json("events", eventPageAnswer, {
      query: new Map([["limit", "1"]]),
      signal,
    });
    return events[0]?.id ?? null;
  }

  /** Until the relay ends the answer, as it does now and then, or the last event is handed on. */
  async #follow(had: RecentIds): Promise<void> {
    const { api, filters, wantsBodies, signal, onEvent } = this.#deps;
    const query = new Map([...filters, ["bodies", wantsBodies ? "1" : "0"]]);
    if (had.floor !== null) query.set("after", had.floor);
    const { body, status } = await api.send("events/follow", { query, signal });
    this.#found();
    for await (const line of jsonLines(body as unknown as AsyncIterable<Uint8Array>)) {
      const event = api.checked(line, tailedEvent, status);
      this.#failures = 0;
      if (had.has(event.id)) continue;
      had.add(event.id);
      this.#isOver = !(await onEvent(event));
      if (this.#isOver || signal.aborted) return;
    }
  }

  #found(): void {
    this.#wasThere = true;
    if (this.#isLost) this.#deps.notice("in contact again");
    this.#isLost = false;
  }

  /** What will not pass is thrown. */
  #judge(error: unknown): void {
    const isRefusal = error instanceof RelayApiError && !mayPass(error);
    // While an answer is read, a connection that breaks is a TypeError.
    const isBroken = error instanceof TypeError && this.#wasThere;
    if (isRefusal || !this.#wasThere || !(isBroken || error instanceof RelayApiError)) throw error;
    const text =
      error instanceof RelayApiError ? error.message : `the connection broke: ${networkText(error)}`;
    if (!this.#isLost) this.#deps.notice(`${text}; trying again`);
    this.#isLost = true;
  }
}

/** No answer, trouble of the relay or of a proxy before it; a refusal stays one. */
function mayPass({ status }: RelayApiError): boolean {
  return status === null || status === 429 || status >= 500;
}
