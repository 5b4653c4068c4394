/**
 * The queue of one process on a journal: puts its parts together. What each part does stands in its file:
 *
 *   intake.ts        stores events, tells duplicates      dedupe.ts, event-id.ts
 *   routing-line.ts  matches them with targets after that
 *   dispatch.ts      claims and settlements               lanes.ts, book.ts, work-signal.ts
 *   list.ts, reading.ts, replays.ts, retention.ts         what the operator asks for
 *   replay-jobs.ts, replay-records.ts                     replays that go on by themselves
 *   open-tables.ts, recovery.ts   fill the tables at a start   table.ts, event-index.ts, records.ts
 *
 * Deliveries to a target that is no longer in the settings wait, are shown and counted, and go on when it is back (orphans.ts).
 */
import { messageOf } from "../../../lib/errors.ts";
import { decodeEvent } from "../../event/event.ts";
import type { JournalStats } from "../journal/types.ts";
import type { Core, Retention } from "./core.ts";
import { Dispatch } from "./dispatch.ts";
import { Emitter } from "../../queue/emitter.ts";
import { Intake } from "./intake.ts";
import { listEvents } from "./list.ts";
import type { QueueEvent } from "../../queue/queue.ts";
import type { ReplayQueue } from "../../queue/replay-job.ts";
import { findByAnyId, findById, readSummary } from "./reading.ts";
import { openTables, type TableDeps } from "./open-tables.ts";
import { Orphans } from "./orphans.ts";
import { PREFIX } from "./records.ts";
import { FilesReplayJobs } from "./replay-jobs.ts";
import { Replays } from "./replays.ts";
import { Removal } from "./retention.ts";
import { RoutingLine } from "./routing-line.ts";
import { SteadyTime } from "./memory/expiry-clock.ts";
import { Turns } from "./turns.ts";
import { WorkSignal } from "./work-signal.ts";

/**
 * Opens the queue; what a crash left is found again, deliveries that were being sent are `waiting` again.
 * @param retention asked anew at each expire(); its `dedupeSeconds` is taken once
 */
export async function openFilesQueue(deps: TableDeps, retention: () => Retention): Promise<ReplayQueue> {
  const { clock, random, log } = deps;
  const { dedupeSeconds } = retention();
  const steady = new SteadyTime(clock);
  const { unrouted, orphans, replayRecords, ...opened } = await openTables(deps, dedupeSeconds);
  const { journal, table, book, dedupe, duplicates } = opened;
  dedupe.expire(steady.now());

  let closing: Promise<void> | null = null;
  const events = new Emitter<QueueEvent>(log);
  const work = new WorkSignal(book, clock, log);
  const core: Core = {
    ...opened,
    events,
    work,
    turns: new Turns(),
    clock,
    steady,
    random,
    log,
    isClosed: () => closing !== null,
  };
  const line = new RoutingLine(core);
  const intake = new Intake(core, line);
  const dispatch = new Dispatch(core);
  const replays = new Replays(core);
  const replayJobs = new FilesReplayJobs(core, replays, replayRecords);
  const orphaned = new Orphans(core, replays);
  const removal = new Removal(core, dispatch, line, () => ({ ...retention(), dedupeSeconds }));

  for (const event of unrouted) line.add(event, null);
  if (orphans.length > 0) {
    journal
      .write(
        orphans.map((key) => ({ type: "remove", key }) as const),
        "lazy",
        "completion",
      )
      .catch((error: unknown) => log.warn("queue.orphans-kept", { error: messageOf(error) }));
  }
  log.info("queue.opened", {
    events: table.eventCount,
    unrouted: unrouted.length,
    remembered: table.eventCount + dedupe.size,
    ...book.byState(),
  });

  const close = async (): Promise<void> => {
    work.stop();
    await intake.close();
    await Promise.all([line.close(), replays.close(), removal.close()]);
    await journal.close();
  };

  return {
    isShared: false,
    enqueue: (event) => intake.enqueue(event),
    known: (dedupeKeys) => Promise.resolve(intake.known(dedupeKeys)),
    setRouting(route, targets) {
      book.configure(targets, route.laneOf);
      for (const name of targets) work.touch(book.target(name));
      line.setRouter(route);
    },
    claim: (target, room) => dispatch.claim(target, room),
    onWork: (listener) => work.on(listener),
    onEvent: (listener) => events.on(listener),
    list: (filter, limit, cursor, order = "newest") => listEvents(core, filter, limit, { cursor, order }),
    async get(id) {
      const event = findById(core, id);
      return event === 0 ? null : readSummary(core, event);
    },
    find: (id) => findByAnyId(core, id),
    async body(id) {
      const event = findById(core, id);
      const bytes = event === 0 ? null : await journal.get(table.index.keyOf(event));
      return bytes === null ? null : decodeEvent(bytes).body;
    },
    duplicates: (id) => Promise.resolve(duplicates.find(id)),
    replay: (id, targets) => replays.replay(id, targets),
    replayJobs,
    remove: (id) => removal.remove(id),
    async setPaused(name, paused) {
      const key = PREFIX.target + name;
      const value = Buffer.from(JSON.stringify({ paused: true }), "utf8");
      const operation = paused ? ({ type: "set", key, value } as const) : ({ type: "remove", key } as const);
      await journal.write([operation], "synced", "completion");
      const target = book.target(name);
      target.paused = paused;
      work.touch(target);
    },
    async stats() {
      const targets = book.targetStats();
      const oldest = [line.oldestAt(), ...[...targets.values()].map(({ oldestAt }) => oldestAt)];
      const times = oldest.filter((time) => time !== null);
      return {
        events: table.eventCount,
        byState: book.byState(),
        targets,
        oldestWaitingAt: times.length === 0 ? null : Math.min(...times),
        bytes: journal.stats().bytes,
        damagedBytes: journal.stats().damagedBytes,
        remembered: table.eventCount + dedupe.size,
      };
    },
    kinds: () => Promise.resolve({ counts: book.kinds(), isWhole: true }),
    checks() {
      const trouble = journal.trouble();
      return [
        { name: "storage", ok: trouble === null, detail: trouble ?? "writable" },
        { name: "stored-events", ok: true, detail: verifiedText(journal.stats()) },
      ];
    },
    selfCheck: () => journal.probe(),
    move: (from, to) => orphaned.move(from, to),
    async expire() {
      await orphaned.expire();
      return removal.expire();
    },
    compact: () => journal.compact(),
    verify: () => journal.verify(),
    close() {
      closing ??= close();
      return closing;
    },
  };
}

/** Damage of what is stored is told and does not count as not ready: new events are not affected. */
function verifiedText({ segments, verifiedSegments, damagedBytes }: JournalStats): string {
  const verified = `${verifiedSegments} of ${segments} segments verified within a day`;
  return damagedBytes === 0 ? verified : `${damagedBytes} bytes are damaged; ${verified}`;
}
