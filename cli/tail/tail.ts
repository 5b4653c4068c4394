/**
 * Follows the events of a running relay: each one once, in the order of storing, over broken connections and restarts of the relay.
 *
 * The live stream is quick and may skip; the list skips nothing and costs more. So the stream tells of events as they come, and the
 * list is read at the beginning, after every gap, and now and then for what other relays of the same Redis stored.
 */
import { sleep, type Clock } from "../../lib/clock.ts";
import { RelayApiError, type RelayApi } from "../relay-api.ts";
import { Backlog, OVERLAP_MS, type TailedEvent } from "./backlog.ts";
import { followStream } from "./stream.ts";

/** Milliseconds after which the list is read although the stream told of no gap. */
const LIST_EVERY_MS = 15_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 15_000;
const PAGE = "500";

export interface TailDeps {
  readonly api: RelayApi;
  readonly clock: Clock;
  /** Parameters of list and stream that say which events. */
  readonly filters: ReadonlyMap<string, string>;
  /** From when on, milliseconds since 1970; null: from now on. */
  readonly since: number | null;
  /** Aborts to end it. */
  readonly signal: AbortSignal;
  /** Whether onEvent() needs what a target would get. */
  readonly wantsDeliveries: boolean;
  /** Called for one event after another; false: that was the last. */
  readonly onEvent: (event: TailedEvent, delivery: TailedDelivery | null) => Promise<boolean>;
  /** Told when contact is lost and found again. */
  readonly notice: (text: string) => void;
}

/** What a target would get of an event. */
export interface TailedDelivery {
  readonly headers: Readonly<Record<string, string>>;
  /** Base64. */
  readonly body: string;
}

interface Page {
  readonly events: readonly { readonly id: string; readonly receivedAt: string; readonly summary: string }[];
  readonly cursor: string | null;
}

export class Tail {
  readonly #deps: TailDeps;
  readonly #end = new AbortController();
  #backlog = new Backlog({ start: 0 });
  #mustList = true;
  #wake: () => void = () => {};
  #lost = false;
  /** A relay that never answered is rather the wrong address: that is told at once. */
  #wasThere = false;

  constructor(deps: TailDeps) {
    this.#deps = deps;
    deps.signal.addEventListener("abort", () => this.#finish(), { once: true });
    if (deps.signal.aborted) this.#finish();
  }

  /** Resolves at the end. Rejects with a RelayApiError if the relay refuses for good: token, rights, parameters. */
  async run(): Promise<void> {
    await this.#again(() => this.#begin());
    const streaming = this.#follow();
    try {
      while (!this.#end.signal.aborted) {
        if (this.#mustList) await this.#again(() => this.#list());
        if (!(await this.#handOn())) return;
        if (this.#backlog.hasMore) this.#mustList = true;
        if (!this.#mustList && this.#backlog.isEmpty) await this.#changed();
      }
    } finally {
      this.#finish();
      await streaming;
    }
  }

  /** What waits, the oldest first. @returns false if that was the last */
  async #handOn(): Promise<boolean> {
    const { onEvent, wantsDeliveries } = this.#deps;
    while (!this.#end.signal.aborted) {
      const event = this.#backlog.next();
      if (event === null) return true;
      const delivery = wantsDeliveries ? await this.#delivery(event.id) : null;
      if (this.#end.signal.aborted) return false;
      if (!(await onEvent(event, delivery))) return false;
    }
    return false;
  }

  /** Null: the event expired or was deleted since it was told of. */
  async #delivery(id: string): Promise<TailedDelivery | null> {
    let delivery: TailedDelivery | null = null;
    await this.#again(async () => {
      try {
        delivery = await this.#deps.api.json(`events/${id}/delivery`, { signal: this.#end.signal });
      } catch (error) {
        if (!(error instanceof RelayApiError) || error.status !== 404) throw error;
      }
    });
    return delivery;
  }

  #finish(): void {
    this.#end.abort();
    this.#wake();
  }

  /** Where to begin: at the time asked for, or after everything that the relay has now. */
  async #begin(): Promise<void> {
    const { api, since, filters } = this.#deps;
    const signal = this.#end.signal;
    if (since !== null) {
      await api.json<Page>("events", { query: new Map([...filters, ["limit", "1"]]), signal });
      this.#backlog = new Backlog({ start: since });
      return;
    }
    const newest = await api.json<Page>("events", { query: new Map([["limit", "1"]]), signal });
    const [last] = newest.events;
    if (last === undefined) return;
    // One that is stored later may have been received earlier.
    const start = Date.parse(last.receivedAt) - OVERLAP_MS;
    this.#backlog = new Backlog({ start, after: last.id });
  }

  /** Everything from the backlog's time on, page by page. */
  async #list(): Promise<void> {
    const { api, filters } = this.#deps;
    this.#mustList = false;
    this.#backlog.beginList();
    const from = new Date(this.#backlog.from).toISOString();
    let cursor: string | null = null;
    try {
      do {
        const query: Map<string, string> = new Map([...filters, ["from", from], ["limit", PAGE]]);
        if (cursor !== null) query.set("cursor", cursor);
        const page: Page = await api.json("events", { query, signal: this.#end.signal });
        for (const event of page.events)
          this.#backlog.add({ ...event, receivedAt: Date.parse(event.receivedAt) });
        ({ cursor } = page);
      } while (cursor !== null);
    } catch (error) {
      this.#mustList = true;
      throw error;
    }
  }

  /** Reads the stream, again and again, until the end. */
  async #follow(): Promise<void> {
    const { api, filters } = this.#deps;
    const signal = this.#end.signal;
    const listener = {
      stored: (event: TailedEvent): void => {
        this.#backlog.add(event);
        this.#wake();
      },
      gap: (): void => {
        this.#found();
        this.#mustList = true;
        this.#wake();
      },
    };
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        await followStream(api, filters, { listener, signal });
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        this.#noticeLoss(error);
      }
      await this.#pause(failures);
    }
  }

  /** Until it succeeds; what will not pass is thrown. */
  async #again(attempt: () => Promise<void>): Promise<void> {
    for (let failures = 0; !this.#end.signal.aborted; failures += 1) {
      try {
        await attempt();
        this.#found();
        return;
      } catch (error) {
        if (this.#end.signal.aborted) return;
        if (!(error instanceof RelayApiError) || !mayPass(error) || (failures === 0 && !this.#wasThere))
          throw error;
        this.#noticeLoss(error);
      }
      await this.#pause(failures);
    }
  }

  #found(): void {
    this.#wasThere = true;
    if (this.#lost) this.#deps.notice("in contact again");
    this.#lost = false;
  }

  #noticeLoss(error: unknown): void {
    if (!this.#lost)
      this.#deps.notice(`${error instanceof Error ? error.message : String(error)}; trying again`);
    this.#lost = true;
    this.#mustList = true;
  }

  async #pause(failures: number): Promise<void> {
    const ms = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures, 10));
    await sleep(this.#deps.clock, ms, this.#end.signal).catch(() => {});
  }

  /** Until the stream tells something, or it is time for the list. */
  #changed(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#deps.clock.after(LIST_EVERY_MS, () => {
        this.#mustList = true;
        resolve();
      });
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

/** No answer, trouble of the relay or of a proxy before it; a refusal stays one. */
function mayPass({ status }: RelayApiError): boolean {
  return status === null || status === 429 || status >= 500;
}
