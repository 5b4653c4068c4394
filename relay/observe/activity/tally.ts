/**
 * Writes down what each stored event says about the work, as the intake read it. The unit is the fact, whose name makes it count
 * once; so after a crash it is enough to look again at what was received since the last note of how far the storage goes, and events
 * that were looked at twice change nothing. A replay stores nothing and is not looked at.
 */
import type { Clock } from "../../../lib/clock.ts";
import { messageOf } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import type { EventMeta } from "../../event/event.ts";
import { jsonOrNull } from "../../../lib/json.ts";
import type { Queue } from "../../queue/queue.ts";
import { addFacts, addPage, emptyPage, type OpenPage } from "../../storage/fact-sheet.ts";
import type { ActivityFacts } from "../../event/activity-facts.ts";
import { factsOf, tellsOfWork } from "./facts.ts";
import type { ActivityStore, ActivityEntry } from "../../storage/activity-store.ts";

/** How often there is a look at whether the queue is to be searched. */
const LOOK_MS = 1000;
/** How often what they say is written down. */
const FLUSH_MS = 5000;
/** Events may turn up this long after their time of receipt: clocks of relays differ, and a rejected write may come to light. */
const MARGIN_MS = 600_000;
const PAGE = 200;
/** Rounds after which an event that cannot be read is left out. */
const MAX_READS = 5;
/** How often it is noted how far the storage goes while nothing is added. */
const IDLE_MARK_MS = 60_000;
const DAY_MS = 86_400_000;

export interface TallyDeps {
  readonly queue: Pick<Queue, "list" | "body">;
  readonly store: ActivityStore;
  readonly clock: Clock;
  readonly log: Log;
  /** Days that are kept. */
  readonly keepDays: () => number;
}

export interface Tally {
  /** Adds what an event says that was just stored. */
  note(facts: ActivityFacts, eventId: string): void;
  /** What is known of a day, with what is not written down yet. */
  read(day: string): Promise<readonly ActivityEntry[]>;
  /** Resolves when every event stored before this call has been looked at and written down. */
  settled(): Promise<void>;
  /** Writes down what is not yet, and lets go of the storage. A crash before it loses nothing that the queue still holds. */
  close(): Promise<void>;
}

/** Looks at what it missed, and takes what it is told from now on. */
export function startTally(deps: TallyDeps): Tally {
  const tally = new RunningTally(deps);
  tally.begin();
  return tally;
}

class RunningTally implements Tally {
  readonly #deps: TallyDeps;
  /** Facts that are not written down, by day and project. */
  #unwritten = new Map<string, ActivityEntry>();
  /** Wall clock from which the queue is to be searched; null: nothing was missed. */
  #searchFrom: number | null = null;
  /** Until the storage was asked how far an earlier run came. */
  #isFresh = true;
  readonly #closing = new AbortController();
  #stopWaiting: () => void = () => {};
  #cleanedDay = "";
  /** The event whose body could not be read last, and how many times in a row. */
  #unread = { id: "", times: 0 };
  #writtenMark = 0;
  readonly #waiters: (() => void)[] = [];
  #running: Promise<void> = Promise.resolve();

  constructor(deps: TallyDeps) {
    this.#deps = deps;
  }

  begin(): void {
    this.#running = this.#run();
  }

  note({ day, project, facts }: ActivityFacts, eventId: string): void {
    const key = `${day}/${project}`;
    let entry = this.#unwritten.get(key);
    if (entry === undefined) this.#unwritten.set(key, (entry = { day, project, page: emptyPage() }));
    addFacts(entry.page, facts, eventId);
  }

  async read(day: string): Promise<readonly ActivityEntry[]> {
    const kept = new Map((await this.#deps.store.read(day)).map((entry) => [entry.project, entry]));
    for (const entry of this.#unwritten.values()) {
      if (entry.day !== day) continue;
      const known = kept.get(entry.project);
      const page: OpenPage = emptyPage();
      if (known !== undefined) addPage(page, known.page);
      addPage(page, entry.page);
      kept.set(entry.project, { ...entry, page });
    }
    return [...kept.values()];
  }

  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
      this.#stopWaiting();
    });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#stopWaiting();
    await this.#running;
    if (!this.#isFresh) await this.#flush();
    await this.#deps.store.close();
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#deps;
    let told = "";
    let flushedAt = clock.monotonic();
    while (!this.#closing.signal.aborted) {
      try {
        await this.#work();
        if (this.#waiters.length > 0 || clock.monotonic() - flushedAt >= FLUSH_MS) {
          await this.#flush();
          flushedAt = clock.monotonic();
        }
        told = "";
        if (this.#searchFrom !== null) continue;
        for (const waiter of this.#waiters.splice(0)) waiter();
      } catch (error) {
        const message = messageOf(error);
        if (message !== told) log.warn("activity.failed", { error: message });
        told = message;
      }
      if (this.#closing.signal.aborted) return;
      await this.#pause();
    }
  }

  #pause(): Promise<void> {
    return new Promise<void>((resolve) => {
      const timer = this.#deps.clock.after(LOOK_MS, resolve);
      this.#stopWaiting = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  async #work(): Promise<void> {
    if (this.#isFresh) {
      const mark = await this.#deps.store.mark();
      this.#searchFrom = mark === null ? 0 : mark - MARGIN_MS;
      this.#isFresh = false;
    }
    while (this.#searchFrom !== null) {
      const from: number = this.#searchFrom;
      this.#searchFrom = null;
      try {
        await this.#search(from);
      } catch (error) {
        this.#searchFrom = Math.min(this.#searchFrom ?? from, from);
        throw error;
      }
    }
  }

  async #search(from: number): Promise<void> {
    let cursor: string | null = null;
    do {
      const page = await this.#deps.queue.list({ from }, PAGE, cursor);
      for (const { meta } of page.events) {
        if (this.#closing.signal.aborted) return;
        if (tellsOfWork(meta)) await this.#look(meta);
      }
      cursor = page.cursor;
    } while (cursor !== null);
  }

  async #look(meta: EventMeta): Promise<void> {
    const body = await this.#bodyOf(meta.id);
    if (body === null) return;
    const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
    const found = factsOf(meta, jsonOrNull(text));
    if (found !== null) this.note(found, meta.id);
  }

  /** The body; null if there is none, or if it could not be read time and again. Rejects if it may be read later. */
  async #bodyOf(id: string): Promise<Uint8Array | null> {
    try {
      return await this.#deps.queue.body(id);
    } catch (error) {
      this.#unread = { id, times: this.#unread.id === id ? this.#unread.times + 1 : 1 };
      if (this.#unread.times < MAX_READS) throw error;
      this.#deps.log.warn("activity.skipped", { eventId: id, error: messageOf(error) });
      return null;
    }
  }

  async #flush(): Promise<void> {
    const oldest = Math.min(this.#deps.clock.now(), this.#searchFrom ?? Infinity);
    if (this.#unwritten.size === 0 && oldest - this.#writtenMark < IDLE_MARK_MS) return;
    const written = this.#unwritten;
    this.#unwritten = new Map();
    try {
      await this.#deps.store.add([...written.values()], oldest);
      this.#writtenMark = oldest;
    } catch (error) {
      for (const [key, entry] of this.#unwritten) {
        const kept = written.get(key);
        if (kept === undefined) written.set(key, entry);
        else addPage(kept.page, entry.page);
      }
      this.#unwritten = written;
      throw error;
    }
    await this.#forgetOldDays();
  }

  async #forgetOldDays(): Promise<void> {
    const { store, clock, keepDays } = this.#deps;
    const today = dayOf(clock.now());
    if (today === this.#cleanedDay) return;
    const oldest = dayOf(Date.parse(today) - (keepDays() - 1) * DAY_MS);
    for (const day of await store.days()) if (day < oldest) await store.remove(day);
    this.#cleanedDay = today;
  }
}

export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
