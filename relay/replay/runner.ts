/**
 * Carries out the replay jobs of a storage, as long as no other relay does: queues the next deliveries of each job where their target
 * has room for them, and notes which have ended.
 *
 * A target's line never fills with replays: at most MAX_UNTRIED deliveries of jobs wait for their first try there, so what has just
 * arrived waits for no more than those. What waits for a retry is not in that line; there are at most MAX_OPEN of it per job and target.
 * A paused target, or one that is down, takes nothing, and its part of a job waits.
 */
import type { Clock, Timer } from "../../lib/clock.ts";
import { UpstreamError, messageOf } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { createRate, type Rate } from "../delivery/rate.ts";
import type {
  OpenReplays,
  ReplayJob,
  ReplayLease,
  ReplayPart,
  ReplayQueue,
  ReplayState,
} from "../queue/replay-job.ts";
import { progressOf } from "./progress.ts";

/** Deliveries of replay jobs that wait for their first try at one target. */
export const MAX_UNTRIED = 50;
/** Queued deliveries of one job and target that have not ended. */
export const MAX_OPEN = 500;
/** Jobs that have ended are kept so long, and so many of them. */
export const KEEP_MS = 30 * 86_400_000;
export const KEEP_ENDED = 100;

/** Milliseconds between two looks while a job is running, where nothing tells of an ended delivery: other relays deliver, too. */
const LOOK_MS = 250;
/** Ended deliveries of so many milliseconds are noted together. */
const GATHER_MS = 25;
/** Without a job that is running, or while another relay carries them out. */
const IDLE_MS = 2000;
const RETRY_MS = 5000;
const LEASE_MS = 10_000;
const RENEW_MS = 2000;
const TRIM_MS = 3_600_000;

export interface ReplayRunnerDeps {
  readonly queue: Pick<ReplayQueue, "onEvent" | "replayJobs">;
  readonly clock: Clock;
  readonly log: Log;
}

/** How the target of a part stands with the job. */
interface Standing {
  readonly job: ReplayJob;
  readonly part: ReplayPart;
  readonly open: OpenReplays;
}

export class ReplayRunner {
  readonly #deps: ReplayRunnerDeps;
  readonly #forgetQueue: () => void;
  /** Null: not begun, or closed. */
  #timer: Timer | null = null;
  #isClosed = false;
  #isRunning = false;
  /** Something happened while a round was under way. */
  #isWoken = false;
  #round: Promise<void> = Promise.resolve();
  #lease: ReplayLease | null = null;
  /** Monotonic clock. */
  #renewedAt = 0;
  /** Pace of the jobs that have one, by id. */
  readonly #rates = new Map<string, Rate>();
  /** Monotonic clock. */
  #trimmedAt = Number.NEGATIVE_INFINITY;
  #trouble = "";
  #counts: Readonly<Record<"running" | "paused", number>> = { running: 0, paused: 0 };

  constructor(deps: ReplayRunnerDeps) {
    this.#deps = deps;
    this.#forgetQueue = deps.queue.onEvent((event) => {
      if (event.type === "settled" && event.delivery.replay > 0 && this.#lease !== null) this.wake();
    });
  }

  /** Goes on with the jobs that are there. */
  begin(): void {
    this.#schedule(0);
  }

  /** There is something to do, or something has ended. */
  wake(): void {
    if (this.#isRunning) this.#isWoken = true;
    else if (this.#timer !== null) this.#schedule(GATHER_MS);
  }

  /** Jobs as of the last look. */
  counts(): Readonly<Record<"running" | "paused", number>> {
    return this.#counts;
  }

  /** Ends the round under way. The jobs go on at the next start, or in another relay. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#forgetQueue();
    this.#timer?.cancel();
    this.#timer = null;
    await this.#round;
    await this.#letGo().catch(() => {});
  }

  #schedule(delayMs: number): void {
    if (this.#isClosed) return;
    this.#timer?.cancel();
    this.#timer = this.#deps.clock.after(delayMs, () => {
      this.#isRunning = true;
      this.#isWoken = false;
      this.#round = this.#look().then((nextMs) => {
        this.#isRunning = false;
        this.#schedule(this.#isWoken ? Math.min(nextMs, GATHER_MS) : nextMs);
      });
    });
  }

  /** One round; returns the milliseconds until the next one. */
  async #look(): Promise<number> {
    try {
      const nextMs = await this.#carryOn();
      this.#trouble = "";
      return nextMs;
    } catch (error) {
      if (this.#isClosed) return RETRY_MS;
      const { log } = this.#deps;
      const text = messageOf(error);
      if (!(error instanceof UpstreamError)) log.error("replay.failed", { error: text });
      else if (text !== this.#trouble) log.warn("replay.delayed", { error: text });
      this.#trouble = text;
      return RETRY_MS;
    }
  }

  async #carryOn(): Promise<number> {
    const jobs = await this.#deps.queue.replayJobs.active();
    const inState = (state: ReplayState): number => jobs.filter((job) => job.state === state).length;
    this.#counts = { running: inState("running"), paused: inState("paused") };
    for (const id of this.#rates.keys()) if (!jobs.some(({ plan }) => plan.id === id)) this.#rates.delete(id);
    if (this.#deps.clock.monotonic() - this.#trimmedAt >= TRIM_MS) await this.#trim();
    if (jobs.length === 0) {
      await this.#letGo();
      return IDLE_MS;
    }
    if (!(await this.#holdsLease())) return IDLE_MS;
    const standings = await this.#follow(jobs);
    const hasMoved = await this.#queueNext(standings);
    for (const job of jobs) await this.#finish(job, standings);
    if (hasMoved) return 0;
    const isAtRest = standings.every(({ job, open }) => job.state === "paused" && open.open === 0);
    return isAtRest ? IDLE_MS : LOOK_MS;
  }

  /** What of each part is still open. */
  async #follow(jobs: readonly ReplayJob[]): Promise<Standing[]> {
    const standings: Standing[] = [];
    for (const job of jobs) {
      for (const part of job.parts) {
        const isOver = part.queued === part.delivered + part.failed + part.gone;
        const open = isOver
          ? { open: 0, untried: 0 }
          : await this.#deps.queue.replayJobs.follow(job, part.target);
        standings.push({ job, part, open });
      }
    }
    return standings;
  }

  /** Fills what room there is, the oldest job first; returns whether that brought anything further. */
  async #queueNext(standings: readonly Standing[]): Promise<boolean> {
    const { clock, queue } = this.#deps;
    const taken = new Map<string, number>();
    for (const { part, open } of standings)
      taken.set(part.target, (taken.get(part.target) ?? 0) + open.untried);
    let hasMoved = false;
    for (const { job, part, open } of standings) {
      if (job.state !== "running" || part.isScanned || this.#isClosed || this.#lease === null) continue;
      const rate = this.#rateOf(job);
      const before = taken.get(part.target) ?? 0;
      const limit = Math.min(
        MAX_UNTRIED - before,
        MAX_OPEN - open.open,
        rate?.available(clock.monotonic()) ?? MAX_UNTRIED,
      );
      if (limit <= 0) continue;
      const stepped = await queue.replayJobs.step({ job, part, limit, lease: this.#lease });
      if (stepped === null) {
        // Paused or cancelled meanwhile, or the lease is lost: the next round looks again.
        this.#renewedAt = Number.NEGATIVE_INFINITY;
        hasMoved = true;
        continue;
      }
      taken.set(part.target, before + stepped.queued);
      rate?.take(stepped.queued, clock.monotonic());
      hasMoved ||= stepped.hasMoved;
    }
    return hasMoved;
  }

  async #finish(job: ReplayJob, standings: readonly Standing[]): Promise<void> {
    if (job.state !== "running") return;
    const own = standings.filter((one) => one.job === job);
    // As they were before this round: what it has queued is looked at by the next one.
    if (!own.every(({ part, open }) => part.isScanned && open.open === 0)) return;
    const { queue, clock, log } = this.#deps;
    const { id } = job.plan;
    if (!(await queue.replayJobs.change(id, ["running"], "done", clock.now()))) return;
    const ended = await queue.replayJobs.get(id);
    if (ended !== null) {
      const { delivered, failed, gone } = progressOf(ended);
      log.info("replay.finished", { job: id, delivered, failed, gone });
    }
    await this.#trim();
  }

  #rateOf({ plan: { id, ratePerSecond } }: ReplayJob): Rate | null {
    if (ratePerSecond === null) return null;
    const known = this.#rates.get(id);
    if (known !== undefined) return known;
    const rate = createRate({ requests: ratePerSecond, perSeconds: 1 });
    this.#rates.set(id, rate);
    return rate;
  }

  async #holdsLease(): Promise<boolean> {
    const now = this.#deps.clock.monotonic();
    if (this.#lease !== null && now - this.#renewedAt < RENEW_MS) return true;
    const isHeld = this.#lease !== null && (await this.#lease.renew());
    if (!isHeld) this.#lease = await this.#deps.queue.replayJobs.lease(LEASE_MS);
    this.#renewedAt = now;
    return this.#lease !== null;
  }

  async #letGo(): Promise<void> {
    const lease = this.#lease;
    this.#lease = null;
    await lease?.release();
  }

  /** Forgets jobs that ended too long ago, or are too many. */
  async #trim(): Promise<void> {
    const { queue, clock } = this.#deps;
    const ended = (await queue.replayJobs.list()).filter((job) => job.endedAt !== null);
    const oldest = clock.now() - KEEP_MS;
    const surplus = ended.filter(({ endedAt }, index) => index >= KEEP_ENDED || (endedAt ?? 0) < oldest);
    for (const { plan } of surplus) await queue.replayJobs.remove(plan.id);
    this.#trimmedAt = clock.monotonic();
  }
}
