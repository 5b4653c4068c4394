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
  const { queue, store, clock, log } = deps;
  /** Facts that are not written down, by day and project. */
  let unwritten = new Map<string, ActivityEntry>();
  /** Wall clock from which the queue is to be searched; null: nothing was missed. */
  let searchFrom: number | null = null;
  let isFresh = true;
  const closing = new AbortController();
  const isClosed = (): boolean => closing.signal.aborted;
  let stopWaiting: () => void = () => {};
  let cleanedDay = "";
  let unread = { id: "", times: 0 };
  let writtenMark = 0;
  const waiters: (() => void)[] = [];

  const note = ({ day, project, facts }: ActivityFacts, eventId: string): void => {
    const key = `${day}/${project}`;
    let entry = unwritten.get(key);
    if (entry === undefined) unwritten.set(key, (entry = { day, project, page: emptyPage() }));
    addFacts(entry.page, facts, eventId);
  };

  const look = async (meta: EventMeta): Promise<void> => {
    const body = await bodyOf(meta.id);
    if (body === null) return;
    const found = factsOf(
      meta,
      jsonOrNull(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8")),
    );
    if (found !== null) note(found, meta.id);
  };

  /** The body; null if there is none, or if it could not be read time and again. Rejects if it may be read later. */
  const bodyOf = async (id: string): Promise<Uint8Array | null> => {
    try {
      return await queue.body(id);
    } catch (error) {
      unread = { id, times: unread.id === id ? unread.times + 1 : 1 };
      if (unread.times < MAX_READS) throw error;
      log.warn("activity.skipped", { eventId: id, error: messageOf(error) });
      return null;
    }
  };

  const search = async (from: number): Promise<void> => {
    let cursor: string | null = null;
    do {
      const page = await queue.list({ from }, PAGE, cursor);
      for (const { meta } of page.events) {
        if (isClosed()) return;
        if (tellsOfWork(meta)) await look(meta);
      }
      cursor = page.cursor;
    } while (cursor !== null);
  };

  const flush = async (): Promise<void> => {
    const oldest = Math.min(clock.now(), searchFrom ?? Infinity);
    if (unwritten.size === 0 && oldest - writtenMark < IDLE_MARK_MS) return;
    const written = unwritten;
    unwritten = new Map();
    try {
      await store.add([...written.values()], oldest);
      writtenMark = oldest;
    } catch (error) {
      for (const [key, entry] of unwritten) {
        const kept = written.get(key);
        if (kept === undefined) written.set(key, entry);
        else addPage(kept.page, entry.page);
      }
      unwritten = written;
      throw error;
    }
    await forgetOldDays();
  };

  const forgetOldDays = async (): Promise<void> => {
    const today = dayOf(clock.now());
    if (today === cleanedDay) return;
    const oldest = dayOf(Date.parse(today) - (deps.keepDays() - 1) * DAY_MS);
    for (const day of await store.days()) if (day < oldest) await store.remove(day);
    cleanedDay = today;
  };

  const begin = async (): Promise<void> => {
    const mark = await store.mark();
    searchFrom = mark === null ? 0 : mark - MARGIN_MS;
  };

  const work = async (): Promise<void> => {
    if (isFresh) {
      await begin();
      isFresh = false;
    }
    while (searchFrom !== null) {
      const from: number = searchFrom;
      searchFrom = null;
      try {
        await search(from);
      } catch (error) {
        searchFrom = Math.min(searchFrom ?? from, from);
        throw error;
      }
    }
  };

  const running = (async () => {
    let told = "";
    let flushedAt = clock.monotonic();
    while (!isClosed()) {
      try {
        await work();
        if (waiters.length > 0 || clock.monotonic() - flushedAt >= FLUSH_MS) {
          await flush();
          flushedAt = clock.monotonic();
        }
        told = "";
        if (searchFrom !== null) continue;
        for (const waiter of waiters.splice(0)) waiter();
      } catch (error) {
        const message = messageOf(error);
        if (message !== told) log.warn("activity.failed", { error: message });
        told = message;
      }
      if (isClosed()) return;
      await new Promise<void>((resolve) => {
        const timer = clock.after(LOOK_MS, resolve);
        stopWaiting = () => {
          timer.cancel();
          resolve();
        };
      });
    }
  })();

  return {
    note,
    async read(day) {
      const kept = new Map((await store.read(day)).map((entry) => [entry.project, entry]));
      for (const entry of unwritten.values()) {
        if (entry.day !== day) continue;
        const known = kept.get(entry.project);
        const page: OpenPage = emptyPage();
        if (known !== undefined) addPage(page, known.page);
        addPage(page, entry.page);
        kept.set(entry.project, { ...entry, page });
      }
      return [...kept.values()];
    },
    settled() {
      return new Promise((resolve) => {
        waiters.push(resolve);
        stopWaiting();
      });
    },
    async close() {
      closing.abort();
      stopWaiting();
      await running;
      if (!isFresh) await flush();
      await store.close();
    },
  };
}

export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
