/** The way in: tells a duplicate from a new event, and stores the new one with its memory in one write. */
import { storageClosed } from "../journal/errors.ts";
import { UpstreamError } from "../../../lib/errors.ts";
import { ShortLivedMap } from "../../../lib/short-lived.ts";
import type { NewEvent } from "../../event/event.ts";
import { encodeEvent, withId } from "../../event/event.ts";
import type { Core } from "./core.ts";
import { digestOf, formatEventKey, idOfKey, idWords } from "../../event/event-id.ts";
import type { IdWords } from "../../event/event-id.ts";
import type { Enqueued } from "../../queue/queue.ts";
import { findById } from "./reading.ts";
import type { RoutingLine } from "./routing-line.ts";
import { EVENT_FLAGS } from "./memory/table.ts";

/** Ids of failed writes that are kept for the sender's repetition. */
const MAX_FAILED = 10_000;

export class Intake {
  readonly #core: Core;
  readonly #line: RoutingLine;
  /** Writes under way, by dedupe key: a second delivery of the same event shares the fate of the first. */
  readonly #underWay = new ShortLivedMap<string, Promise<Enqueued>>();
  /**
   * Ids whose write failed, by dedupe key. A crash may still bring such an event to light; its repetition takes the same id, so
   * that it replaces it.
   */
  readonly #failed = new Map<string, IdWords>();

  constructor(core: Core, line: RoutingLine) {
    this.#core = core;
    this.#line = line;
  }

  enqueue(event: NewEvent): Promise<Enqueued> {
    if (this.#core.isClosed()) return Promise.reject(storageClosed());
    const first = this.#underWay.get(event.dedupeKey);
    if (first !== undefined) return first.then(({ id }) => this.#duplicate(id));
    const digest = digestOf(event.dedupeKey);
    const known = this.#find(digest) ?? this.#findFormer(event);
    if (known !== null) return Promise.resolve(this.#duplicate(known));
    const stored = this.#store(event, digest);
    this.#underWay.set(event.dedupeKey, stored);
    return stored;
  }

  known(dedupeKeys: readonly string[]): string[] {
    return dedupeKeys.filter((key) => this.#find(digestOf(key)) !== null);
  }

  /** Resolves once no write is under way. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#underWay.values());
  }

  /** The event that this delivery was stored as within the window; null if it was not. */
  #find(digest: IdWords): string | null {
    const { table, dedupe, steady } = this.#core;
    const now = steady.now();
    const event = table.index.findDigest(digest, now - dedupe.windowMs);
    return event === 0 ? dedupe.find(digest, now) : table.index.idOf(event);
  }

  #findFormer({ formerDedupeKey }: NewEvent): string | null {
    return typeof formerDedupeKey === "string" ? this.#find(digestOf(formerDedupeKey)) : null;
  }

  #duplicate(id: string): Enqueued {
    const { duplicates, clock, journal } = this.#core;
    if (findById(this.#core, id) !== 0) duplicates.note(id, clock.now(), journal);
    this.#core.events.emit({ type: "duplicate", id });
    return { status: "duplicate", id };
  }

  /** Stores it, and ends its being under way whatever comes of it. */
  async #store(event: NewEvent, digest: IdWords): Promise<Enqueued> {
    const { table, book, journal, orders, clock, events } = this.#core;
    const words = this.#failed.get(event.dedupeKey) ?? idWords(orders.next(clock.now()), digest);
    const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = words;
    const key = formatEventKey(w0, w1, w2, w3);
    const id = idOfKey(key);
    const meta = withId(event.meta, id);
    const value = encodeEvent({ meta, body: event.body });
    try {
      await journal.write([{ type: "set", key, value }], "synced");
    } catch (error) {
      if (error instanceof UpstreamError) this.#noteFailed(event.dedupeKey, words);
      throw error;
    } finally {
      this.#underWay.delete(event.dedupeKey);
    }
    this.#failed.delete(event.dedupeKey);
    const row = table.index.add(w0, w1, w2, w3);
    table.describe(row, meta);
    table.bytes.set(row, event.body.length);
    table.setEventFlag(row, EVENT_FLAGS.present, true);
    table.link(row);
    book.eventAppeared(row);
    events.emit({ type: "stored", meta });
    this.#line.add(row, meta);
    return { status: "accepted", id };
  }

  #noteFailed(dedupeKey: string, words: IdWords): void {
    if (this.#failed.size >= MAX_FAILED) {
      const [oldest] = this.#failed.keys();
      this.#failed.delete(oldest!);
    }
    this.#failed.set(dedupeKey, words);
  }
}
