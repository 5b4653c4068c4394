/**
 * Replay jobs of one process. A step is one write of the journal: the new deliveries and the cursor that has passed their events. What
 * is already waiting is hastened before that, which does no harm if it is done again.
 */
import type { EventFilter } from "../../queue/queue.ts";
import type {
  OpenReplays,
  ReplayCount,
  ReplayJob,
  ReplayJobs,
  ReplayLease,
  ReplayPlan,
  ReplaySet,
  ReplayState,
  ReplayStep,
  Stepped,
} from "../../queue/replay-job.ts";
import {
  askedOf,
  COUNT_TOGETHER,
  countSet,
  STEP_BUDGET_MS,
  withinSet,
  type FoundInSet,
  type LookInSet,
} from "../../queue/replay-set.ts";
import { storageClosed } from "../journal/errors.ts";
import type { Core } from "./core.ts";
import { scanEvents } from "./list.ts";
import { findById, readState } from "./reading.ts";
import {
  removalOfJob,
  writingOfJob,
  writingOfPart,
  type JobRecord,
  type PartRecord,
  type ReplayRecords,
  type ReplayRef,
} from "./replay-records.ts";
import type { NewReplay, Replays } from "./replays.ts";
import { DEAD, DONE } from "./memory/table.ts";

/** The data folder's lock is the lease. */
const LEASE: ReplayLease = {
  holder: "",
  renew: () => Promise.resolve(true),
  release: () => Promise.resolve(),
};

/** How a queued delivery has ended; null: it is open. */
type End = "delivered" | "failed" | "gone" | null;

export class FilesReplayJobs implements ReplayJobs {
  readonly #core: Core;
  readonly #replays: Replays;
  readonly #records: ReplayRecords;

  constructor(core: Core, replays: Replays, records: ReplayRecords) {
    this.#core = core;
    this.#replays = replays;
    this.#records = records;
  }

  count(set: ReplaySet, budgetMs: number): Promise<ReplayCount> {
    const { clock, book } = this.#core;
    const asked = askedOf(set);
    const namesOf = async (id: string): Promise<readonly string[]> =>
      set.targets?.filter((name) => book.isConfigured(name)) ?? this.#replays.targetsIn(id, asked);
    return countSet(set, { clock, budgetMs }, async (cursor, leftMs) => {
      const page = await this.#scan(asked, { set, cursor, limit: COUNT_TOGETHER, budgetMs: leftMs });
      return { ...page, found: await Promise.all(page.found.map(namesOf)) };
    });
  }

  newestEvent(): Promise<string | null> {
    const { newestEvent, index } = this.#core.table;
    return Promise.resolve(newestEvent === 0 ? null : index.idOf(newestEvent));
  }

  async create(plan: ReplayPlan): Promise<void> {
    const job: JobRecord = { plan, state: "running", endedAt: null };
    await this.#core.journal.write([writingOfJob(job)], "synced");
    this.#records.keep(job);
  }

  list(): Promise<readonly ReplayJob[]> {
    return Promise.resolve(this.#records.all().map((job) => this.#records.view(job)));
  }

  async active(): Promise<readonly ReplayJob[]> {
    return (await this.list()).filter(({ endedAt }) => endedAt === null).toReversed();
  }

  get(id: string): Promise<ReplayJob | null> {
    const job = this.#records.find(id);
    return Promise.resolve(job === null ? null : this.#records.view(job));
  }

  /** In turn with the steps, so that none is under way when it resolves. */
  change(id: string, from: readonly ReplayState[], to: ReplayState, at: number): Promise<boolean> {
    return this.#replays.inTurn(async () => {
      const job = this.#records.find(id);
      if (job === null || !from.includes(job.state)) return false;
      const next: JobRecord = {
        ...job,
        state: to,
        endedAt: to === "done" || to === "cancelled" ? at : null,
      };
      await this.#core.journal.write([writingOfJob(next)], "synced", "completion");
      this.#records.keep(next);
      return true;
    });
  }

  async remove(id: string): Promise<void> {
    const job = this.#records.find(id);
    if (job === null) return;
    await this.#core.journal.write(removalOfJob(job), "synced", "completion");
    this.#records.drop(job);
  }

  lease(): Promise<ReplayLease> {
    return Promise.resolve(LEASE);
  }

  follow({ plan }: ReplayJob, target: string): Promise<OpenReplays> {
    return this.#replays.inTurn(async () => {
      if (this.#records.find(plan.id) === null) return { open: 0, untried: 0 };
      const before = this.#records.part(plan.id, target);
      const ends = await Promise.all(before.open.map((ref) => this.#endOf(ref, target)));
      const count = (end: End): number => ends.filter((one) => one === end).length;
      const open = before.open.filter((_, index) => ends[index] === null);
      if (open.length < before.open.length) {
        const after: PartRecord = {
          ...before,
          delivered: before.delivered + count("delivered"),
          failed: before.failed + count("failed"),
          gone: before.gone + count("gone"),
          open,
        };
        await this.#core.journal.write([writingOfPart(plan.id, after)], "lazy", "completion");
        this.#records.keepPart(plan.id, after);
      }
      const untried = open.filter((ref) => this.#core.table.attempts.get(this.#rowOf(ref, target)) === 0);
      return { open: open.length, untried: untried.length };
    });
  }

  async step({ job: { plan }, part, limit }: ReplayStep): Promise<Stepped | null> {
    const { target } = part;
    if (this.#core.isClosed()) throw storageClosed();
    if (!this.#core.book.isConfigured(target)) return { queued: 0, hasMoved: false };
    const asked = askedOf(plan, target);
    const page = await this.#scan(asked, {
      set: plan,
      cursor: part.cursor,
      limit,
      budgetMs: STEP_BUDGET_MS,
    });
    return this.#replays.inTurn(async () => {
      const before = this.#records.part(plan.id, target);
      if (this.#records.find(plan.id)?.state !== "running" || before.cursor !== part.cursor) return null;
      const queued: string[] = [];
      const opened: ReplayRef[] = [];
      const fresh: NewReplay[] = [];
      let missed = 0;
      for (const id of page.found) {
        if (findById(this.#core, id) === 0) {
          missed += 1;
          continue;
        }
        const isWanted = plan.targets !== null || (await this.#replays.targetsIn(id, asked)).includes(target);
        if (!isWanted) continue;
        const open = this.#replays.openDelivery(id, target);
        if (open === 0) {
          const replay = await this.#replays.newReplay(id, target);
          fresh.push(replay);
          opened.push([id, replay.replay]);
        } else {
          opened.push([id, this.#core.table.replay.get(open)]);
          await (
            await this.#replays.hasten(id, open)
          )?.written;
        }
        queued.push(id);
      }
      const after: PartRecord = {
        ...before,
        cursor: page.cursor ?? before.cursor,
        isScanned: page.isOver,
        queued: before.queued + queued.length,
        missed: before.missed + missed,
        open: [...before.open, ...opened],
      };
      const writing = [...this.#replays.writingOf(fresh), writingOfPart(plan.id, after)];
      await this.#core.journal.write(writing, "synced");
      this.#replays.admit(fresh);
      this.#records.keepPart(plan.id, after);
      for (const id of queued) this.#core.events.emit({ type: "replayed", id, targets: [target] });
      return { queued: queued.length, hasMoved: page.isOver || after.cursor !== before.cursor };
    });
  }

  /** The next events of a set that fit, and where to go on. */
  async #scan(asked: EventFilter, options: LookInSet): Promise<FoundInSet<string>> {
    const { set, limit, cursor, budgetMs } = options;
    if (set.upTo === null) return { found: [], cursor, isOver: true };
    const scan = await scanEvents(this.#core, asked, { limit, cursor, towards: "newer", budgetMs });
    const next = { found: scan.found.map(({ id }) => id), cursor: scan.cursor };
    return withinSet(set.upTo, cursor, next, (id) => id);
  }

  #rowOf([id, replay]: ReplayRef, target: string): number {
    const { table, book } = this.#core;
    const event = findById(this.#core, id);
    return event === 0 ? 0 : table.findDelivery(event, book.target(target).code, replay);
  }

  async #endOf(ref: ReplayRef, target: string): Promise<End> {
    const { table, book } = this.#core;
    const row = this.#rowOf(ref, target);
    if (row === 0) return "gone";
    if (table.state.get(row) === DONE) return "delivered";
    if (table.state.get(row) !== DEAD) return null;
    // Another delivery stands for it: the one to the target that it was moved to, or a later replay.
    if (book.isLatest(row)) return "failed";
    const record = await readState(this.#core, row);
    return record?.delivery.movedTo === undefined ? "failed" : "gone";
  }
}
