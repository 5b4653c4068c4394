/**
 * The events that fit a filter, oldest first, from those that are stored on to those that come, for one reader who has each of them
 * once. The list catches up; then the feed tells what this relay stores, and where other relays store too, the list is read again now
 * and then. A reader that does not read costs one page of metadata.
 */
import type { Clock } from "../../../lib/clock.ts";
import type { EventMeta } from "../../event/event.ts";
import { RecentIds } from "../../event/recent-ids.ts";
import { compileFilter } from "../../queue/filter.ts";
import type { EventFilter, Queue } from "../../queue/queue.ts";
import type { Grant } from "../ports.ts";
import type { Feed } from "./feed.ts";

const PAGE = 100;
const BATCH = 200;
const HEARTBEAT_MS = 15_000;
/** A reader comes back after this long, so that what a proxy lost without a word is let go. */
const MAX_AGE_MS = 1_800_000;
/** What comes within it is told together. */
const GATHER_MS = 50;
/** Between two looks at what other relays stored. */
const LOOK_MS = 2000;
/** An event that another relay stores this many looks late is still told; it is looked for every so many looks. */
const LATE_LOOKS = 15;

export interface FollowOptions {
  readonly queue: Pick<Queue, "list">;
  readonly feed: Feed;
  readonly clock: Clock;
  readonly filter: EventFilter;
  /** Id of an event: only what was stored after it; null: everything. */
  readonly after: string | null;
  /** Whether other relays store events in the same storage. */
  readonly isShared: boolean;
  /** By which it is read; it ends with it. */
  readonly grant: Grant;
  /** What is told of an event; null: it is gone. */
  readonly lineOf: (meta: EventMeta) => Promise<string | null>;
  /** Called when it has ended for whatever reason; twice if it is cancelled while a line is awaited. */
  readonly onEnd: () => void;
}

/** Lines as bytes; an empty one says that the relay is still there. Cancelling it, or closing the feed, ends it. */
export function followEvents(options: FollowOptions): ReadableStream<Uint8Array> {
  const follower = new Follower(options);
  const lines = follower.lines();
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await lines.next();
          if (done !== true) return controller.enqueue(encoder.encode(`${value}\n`));
          controller.close();
        } catch (error) {
          controller.error(error);
        }
        return options.onEnd();
      },
      async cancel() {
        follower.end();
        await lines.return(undefined);
        options.onEnd();
      },
    },
    { highWaterMark: 0 },
  );
}

class Follower {
  readonly #options: FollowOptions;
  readonly #fits: (meta: EventMeta) => boolean;
  readonly #had: RecentIds;
  /** Up to this event the list was read. */
  #cursor: string | null;
  /** The list has nothing behind the cursor. */
  #isAtEnd = false;
  #next: number;
  /** The newest event at each of the last looks, oldest look first. */
  readonly #looks: (string | null)[];
  /** Monotonic clock. */
  #lookedAt: number;
  #toldAt: number;
  #isEnded = false;
  #wake: () => void = () => {};

  constructor(options: FollowOptions) {
    const { after, feed, clock, filter } = options;
    this.#options = options;
    this.#fits = compileFilter(filter).meta;
    this.#had = new RecentIds(after);
    this.#cursor = after;
    this.#looks = after === null ? [] : [after];
    this.#next = feed.position(null).next;
    this.#lookedAt = clock.monotonic();
    this.#toldAt = clock.monotonic();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  async *lines(): AsyncGenerator<string, undefined> {
    const { feed, grant, clock } = this.#options;
    const listening = [feed.onChange(() => this.#wake()), grant.onChange(() => this.#wake())];
    const endsAt = clock.monotonic() + MAX_AGE_MS;
    try {
      while (!this.#isOver() && clock.monotonic() < endsAt) {
        for (const meta of this.#news()) yield* this.#tell(meta);
        if (!this.#isAtEnd) yield* this.#listed();
        else if (!(await this.#look())) await this.#changed();
        if (clock.monotonic() - this.#toldAt >= HEARTBEAT_MS) {
          this.#toldAt = clock.monotonic();
          yield "";
        }
      }
    } finally {
      for (const stop of listening) stop();
    }
    return undefined;
  }

  #isOver(): boolean {
    const { feed, grant } = this.#options;
    return this.#isEnded || feed.closed || !grant.holds();
  }

  /** What the feed tells; what the list comes to is left to it. */
  #news(): EventMeta[] {
    const { gap, entries, next } = this.#options.feed.read(this.#next, BATCH);
    this.#next = next;
    if (gap !== null) this.#readAgain(this.#had.floor);
    return entries.flatMap(({ event }) => {
      if (event.type !== "stored" || !this.#fits(event.meta)) return [];
      const isListed = !this.#isAtEnd && (this.#cursor === null || event.meta.id > this.#cursor);
      return isListed ? [] : [event.meta];
    });
  }

  /** A page of the list. */
  async *#listed(): AsyncGenerator<string, undefined> {
    const { queue, filter } = this.#options;
    const { events, cursor } = await queue.list(filter, PAGE, this.#cursor, "oldest");
    this.#isAtEnd = cursor === null;
    this.#cursor = cursor ?? events.at(-1)?.meta.id ?? this.#cursor;
    for (const { meta } of events) yield* this.#tell(meta);
    return undefined;
  }

  async *#tell(meta: EventMeta): AsyncGenerator<string, undefined> {
    if (this.#isOver() || this.#had.has(meta.id)) return undefined;
    const line = await this.#options.lineOf(meta);
    this.#had.add(meta.id);
    this.#toldAt = this.#options.clock.monotonic();
    if (line !== null) yield line;
    return undefined;
  }

  /** Whether there is something to list that other relays stored. */
  async #look(): Promise<boolean> {
    const { queue, clock, isShared } = this.#options;
    if (!isShared || clock.monotonic() - this.#lookedAt < LOOK_MS) return false;
    this.#lookedAt = clock.monotonic();
    const newest = (await queue.list({}, 1, null)).events[0]?.meta.id ?? null;
    const before = this.#looks.at(-1) ?? this.#cursor;
    this.#looks.push(newest);
    if (this.#looks.length > 2 * LATE_LOOKS) {
      const [oldest = null] = this.#looks.splice(0, LATE_LOOKS);
      this.#readAgain(later(oldest, this.#had.floor));
    } else if (newest !== before) this.#readAgain(later(before, this.#had.floor));
    return !this.#isAtEnd;
  }

  #readAgain(from: string | null): void {
    this.#cursor = from;
    this.#isAtEnd = false;
  }

  /** Until the feed has something, or it is time to look or to say something. */
  #changed(): Promise<void> {
    const { clock, feed, isShared } = this.#options;
    if (this.#isOver() || feed.read(this.#next, 1).entries.length > 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = clock.after(isShared ? LOOK_MS : HEARTBEAT_MS, resolve);
      this.#wake = () => {
        this.#wake = () => {};
        timer.cancel();
        clock.after(GATHER_MS, resolve);
      };
    });
  }
}

function later(a: string | null, b: string | null): string | null {
  if (a === null || b === null) return a ?? b;
  return a > b ? a : b;
}
