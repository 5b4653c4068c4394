/**
 * The files' side of a migration: reads events and deliveries as they are written, and writes them as the queue would have. Everything of
 * one event is in one write of the journal, its routes included, so that a crash leaves it whole or not at all.
 */
import { readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { ConfigError, messageOf, systemCode, UpstreamError } from "../../../lib/errors.ts";
import { decodeMeta } from "../../event/event.ts";
import { DIGEST_MASK, formatId, orderOf, parseId, timeOfOrder, type IdWords } from "../../event/event-id.ts";
import { gitlabIdNumbers } from "../../event/gitlab-ids.ts";
import { newDelivery } from "../../queue/delivery-state.ts";
import type { StorageDeps } from "../driver.ts";
import type { Journal, Operation, RecoveryVisitor } from "../journal/types.ts";
import type { MigratedDelivery, MigratedEvent, MigrationMark, MigrationSide } from "../migration/port.ts";
import type { DedupeMemory } from "./memory/dedupe.ts";
import { DELIVERY_FLAGS, EVENT_FLAGS } from "./memory/table.ts";
import { openTables, type OpenTables } from "./open-tables.ts";
import { encodeIds, PREFIX, stateKey } from "./records.ts";
import { writingOfJob, writingOfPart } from "./replay-records.ts";
import { encodeRoutes, type RoutedEvent } from "./route-records.ts";
import { decodeState, encodeState } from "./state-records.ts";
import { readOrNull, replaceFile, syncFolder, type FolderGuard } from "./small-files.ts";

export const MARK_FILE = "migration.json";
/** Ids that are handed out together. */
const IDS_TOGETHER = 1000;

const markContent = z.object({
  id: z.string(),
  role: z.enum(["source", "target"]),
  isDone: z.boolean(),
  other: z.string(),
  at: z.number(),
});

/** Null also if no folder can be, which opening the queue tells better. Rejects with an UpstreamError if it cannot be read. */
export async function readFilesMark(base: string): Promise<MigrationMark | null> {
  const path = join(base, MARK_FILE);
  try {
    const text = await readOrNull(path);
    return text === null ? null : markContent.parse(JSON.parse(text));
  } catch (error) {
    if (systemCode(error) === "ENOTDIR") return null;
    throw new UpstreamError("storage", `${path}: ${messageOf(error)}`, { retryable: false });
  }
}

async function writeFilesMark(base: string, mark: MigrationMark | null): Promise<void> {
  const path = join(base, MARK_FILE);
  try {
    if (mark !== null) return await replaceFile(path, `${JSON.stringify(mark)}\n`);
    await unlink(path);
    await syncFolder(base);
  } catch (error) {
    if (mark === null && systemCode(error) === "ENOENT") return;
    throw new UpstreamError("storage", `${path}: ${messageOf(error)}`, { retryable: false });
  }
}

export interface FilesMigrationDeps extends Pick<StorageDeps, "clock" | "log"> {
  readonly base: string;
  readonly dedupeSeconds: number;
  readonly openJournal: (visitor: RecoveryVisitor) => Promise<Journal>;
  readonly guard: FolderGuard;
}

/** Rejects with a ConfigError if another process has the folder. */
export async function openFilesMigration(
  deps: FilesMigrationDeps,
  role: MigrationMark["role"],
): Promise<MigrationSide> {
  if (role === "source") await refuseNoQueue(deps.base);
  let content = await readContent(deps);
  const { base, guard } = deps;

  return {
    async setMark(mark) {
      await guard();
      await writeFilesMark(base, mark);
    },
    isEmpty: () => Promise.resolve(content.table.eventCount + content.dedupe.size === 0),
    events: () => eventsOf(content),
    remembered: (since) => rememberedIn(content, since),
    pausedTargets: () =>
      Promise.resolve(content.book.targets.flatMap(({ name, paused }) => (paused ? [name] : []))),
    missing(ids) {
      const { index } = content.table;
      const isThere = ([w0, w1, w2, w3]: IdWords): boolean => index.find(w0!, w1!, w2!, w3!) !== 0;
      return Promise.resolve(new Set(ids.filter((id) => !isThere(wordsOf(id)))));
    },
    async add(events) {
      if (events.length === 0) return;
      await content.journal.write(operationsOf(events, content.records.nextRoutes()), "synced");
    },
    async remember(ids) {
      const fresh = ids.map(wordsOf).filter((words) => isNew(content.dedupe, words));
      if (fresh.length === 0) return;
      const key = PREFIX.dedupe + content.records.nextRemembered();
      await content.journal.write([{ type: "set", key, value: encodeIds(fresh) }], "synced");
      for (const words of fresh) content.dedupe.add(words[0]!, words[1]!, words[2]!, words[3]!);
    },
    async pause(name) {
      const value = Buffer.from(JSON.stringify({ paused: true }), "utf8");
      await content.journal.write([{ type: "set", key: PREFIX.target + name, value }], "synced");
    },
    replays: () =>
      Promise.resolve(
        content.replayRecords.all().map((job) => {
          const { parts } = content.replayRecords.view(job);
          const open = parts.map(({ target }) => content.replayRecords.part(job.plan.id, target).open);
          return { job: { ...job, parts }, open };
        }),
      ),
    async keepReplay({ job: { plan, state, endedAt, parts }, open }) {
      const writings = parts.map((part, at) => writingOfPart(plan.id, { ...part, open: open[at]! }));
      await content.journal.write([writingOfJob({ plan, state, endedAt }), ...writings], "synced");
    },
    // What waits is found in the journal by the relay that starts on it.
    finish: () => Promise.resolve(),
    async reread() {
      await content.journal.close();
      content = await readContent(deps);
    },
    // The lock of the folder is this process's.
    wasUsed: () => Promise.resolve(false),
    close: () => content.journal.close(),
  };
}

function readContent({ dedupeSeconds, ...deps }: FilesMigrationDeps): Promise<OpenTables> {
  // Due times are read from the records again: those of the tables are of a process that delivers.
  return openTables({ ...deps, random: () => 0 }, dedupeSeconds);
}

async function refuseNoQueue(base: string): Promise<void> {
  try {
    await readdir(join(base, "journal"));
  } catch (error) {
    throw new ConfigError([
      { path: base, message: `is not the data folder of a relay (${messageOf(error)})` },
    ]);
  }
}

async function* eventsOf({ journal, table, book, duplicates }: OpenTables): AsyncGenerator<MigratedEvent> {
  for (let event = table.oldestEvent; event !== 0; event = table.newer.get(event)) {
    const id = table.index.idOf(event);
    const bytes = await journal.get(table.index.keyOf(event));
    if (bytes === null) continue;
    const { receivedAt } = decodeMeta(bytes);
    const deliveries: MigratedDelivery[] = [];
    for (const row of table.deliveriesOf(event)) {
      const target = book.targetOf(row);
      const replay = table.replay.get(row);
      const isWritten = table.hasDeliveryFlag(row, DELIVERY_FLAGS.written);
      const value = isWritten ? await journal.get(stateKey(id, target.name, replay)) : null;
      if (value === null) {
        const delivery = newDelivery(id, target.name, replay, receivedAt);
        deliveries.push({ delivery, lane: target.lanes.keyOf(row), order: null });
      } else {
        const { delivery, lane, order } = decodeState(value);
        const state = delivery.state === "sending" ? "waiting" : delivery.state;
        deliveries.push({
          delivery: { ...delivery, state, eventId: id, target: target.name, replay },
          lane,
          order,
        });
      }
    }
    const isRouted = table.hasEventFlag(event, EVENT_FLAGS.routed);
    yield { id, bytes, isRouted, deliveries, duplicates: duplicates.find(id) };
  }
}

/** Those alone whose delivery did not come again later. */
async function* rememberedIn({ table, dedupe }: OpenTables, since: number): AsyncGenerator<string[]> {
  let ids: string[] = [];
  for (const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] of dedupe.ids()) {
    const at = timeOfOrder(orderOf(w0, w1));
    if (at < since) continue;
    const digest = Uint32Array.of(0, w1 & DIGEST_MASK, w2, w3);
    const id = formatId(w0, w1, w2, w3);
    if (table.index.findDigest(digest, at) !== 0 || dedupe.find(digest, at) !== id) continue;
    ids.push(id);
    if (ids.length < IDS_TOGETHER) continue;
    yield ids;
    ids = [];
  }
  if (ids.length > 0) yield ids;
}

function isNew(dedupe: DedupeMemory, words: IdWords): boolean {
  const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = words;
  return dedupe.find(words, timeOfOrder(orderOf(w0, w1))) !== formatId(w0, w1, w2, w3);
}

function wordsOf(id: string): IdWords {
  const words = parseId(id);
  if (words === null)
    throw new UpstreamError("storage", `"${id}" is not the id of an event`, { retryable: false });
  return words;
}

function operationsOf(events: readonly MigratedEvent[], record: number): Operation[] {
  const operations: Operation[] = [];
  const routed: RoutedEvent[] = [];
  for (const event of events) {
    const { id, bytes, deliveries, duplicates, isRouted } = event;
    const meta = decodeMeta(bytes);
    const { receivedAt, kind, eventName, projectId, projectPath } = meta;
    operations.push({ type: "set", key: PREFIX.event + id, value: bytes });
    for (const { delivery, lane, order } of deliveries) {
      if (isRouted && isUntouched(delivery, receivedAt)) continue;
      const key = stateKey(id, delivery.target, delivery.replay);
      operations.push({ type: "set", key, value: encodeState({ delivery, lane, order }) });
    }
    if (duplicates !== null)
      operations.push({
        type: "set",
        key: PREFIX.duplicates + id,
        value: Buffer.from(JSON.stringify(duplicates), "utf8"),
      });
    if (!isRouted) continue;
    const routes = deliveries
      .filter(({ delivery }) => delivery.replay === 0)
      .map(({ delivery, lane }) => ({ target: delivery.target, lane }));
    const shared = { kind, eventName, projectId, projectPath, gitlabIds: gitlabIdNumbers(meta) };
    routed.push({ id: wordsOf(id), receivedAt, ...shared, routes });
  }
  if (routed.length > 0)
    operations.push({ type: "set", key: PREFIX.routes + record, value: encodeRoutes(routed) });
  return operations;
}

/** A first delivery without an attempt: its routes stand for it. */
function isUntouched(
  { replay, state, attempts, dueAt }: MigratedDelivery["delivery"],
  receivedAt: number,
): boolean {
  return replay === 0 && state === "waiting" && attempts === 0 && dueAt === receivedAt;
}
