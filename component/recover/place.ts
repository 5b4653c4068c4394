/**
 * One place of the group: its hooks of ours, what their logs say was missed, waking what GitLab switched off, delivery. It never
 * throws for one place; RunStopped and a refused token end the run for all, after what was done so far is reported.
 */
import type { Clock } from "../../lib/clock.ts";
import { UpstreamError } from "../../lib/errors.ts";
import { endsTheRun } from "../../lib/gitlab/refusal.ts";
import { explain } from "../hooks/explain.ts";
import type { Budget } from "../../lib/gitlab/budget.ts";
import type { GitLab } from "../gitlab/client.ts";
import type { Hook, Place } from "../gitlab/types.ts";
import { healthy, isOurs } from "../hooks/plan.ts";
import { resultOf, type HookResult } from "../hooks/result.ts";
import { createDeliver, parentOf, type Deliver } from "./deliver.ts";
import { openDeliveries, type HookWork, type Mode } from "./fate.ts";
import type { Missed } from "./finding.ts";
import { memoryAfter, readLog, type LogRead } from "./read-log.ts";
import type { HookMemory, Memory } from "./memory.ts";
import type { Pace } from "./pace.ts";
import type { Receiver } from "./receiver.ts";
import type { Trust } from "./trust.ts";
import { unloggedWindows } from "./unlogged.ts";

export interface PlaceDeps {
  readonly gitlab: Pick<GitLab, "hooks" | "logs">;
  readonly budget: Budget;
  readonly clock: Clock;
  readonly random: () => number;
  readonly memory: Memory;
  readonly receiver: Receiver;
  readonly pace: Pace;
  readonly trust: Trust;
  /** Address of the relay; null: ours are known by their marker alone. */
  readonly relayUrl: string | null;
  readonly mode: Mode;
  /** Wall clock, milliseconds. */
  readonly since: number;
  /** Wall clock, milliseconds; null: the window has no end. */
  readonly until: number | null;
  readonly dryRun: boolean;
}

/** The state of one place while the run works on it. */
export interface PlaceWork {
  readonly place: Place;
  readonly hooks: HookWork[];
  /** Pages of logs that were read. */
  pages: number;
  /** Milliseconds after which GitLab resends more for it; null: nothing waits. */
  waitMs: number | null;
  /** What kept the place from being looked at; null: nothing. */
  failure: string | null;
  /** Why nothing is to be done; null: something is. */
  skipped: string | null;
}

export interface RecoverPlace {
  /** Reads and delivers. Throws RunStopped, and UpstreamError if no request has a chance, with `work` as far as it came. */
  begin(work: PlaceWork): Promise<void>;
  /** Goes on with what waited for GitLab's limit. Throws as begin does. */
  goOn(work: PlaceWork): Promise<void>;
}

function nameOf(delivery: Missed): string {
  return delivery.id ?? delivery.digest;
}

/** Pushes are what nearly every project has. */
const TEST_TRIGGER = "push_events";

interface Context {
  readonly read: LogRead;
  readonly before: HookMemory | null;
  readonly failures: number;
}

export function newPlaceWork(place: Place): PlaceWork {
  return { place, hooks: [], pages: 0, waitMs: null, failure: null, skipped: null };
}

export function createRecoverPlace(deps: PlaceDeps): RecoverPlace {
  const { gitlab, memory, receiver } = deps;
  const contexts = new WeakMap<HookWork, Context>();
  const deliver: Deliver = createDeliver({
    logs: gitlab.logs,
    receiver,
    pace: deps.pace,
    budget: deps.budget,
    random: deps.random,
    async remember(work) {
      await keep(work);
      await memory.flush();
    },
  });

  async function keep(work: HookWork): Promise<void> {
    const { read, before, failures } = contexts.get(work) as Context;
    await memory.keep(
      work.hook.id,
      memoryAfter(read, before, { open: openDeliveries(work), failures, echoes: work.echoes }),
    );
  }

  async function examine(place: Place, hook: Hook, work: PlaceWork): Promise<HookWork> {
    const before = memory.hook(hook.id);
    const log = gitlab.logs[place.level];
    const parent = parentOf({ place, hook });
    const read = await readLog({
      log,
      parent,
      hookId: hook.id,
      memory: before,
      since: deps.since,
      until: deps.until,
    });
    work.pages += read.pages;
    const asleep = healthy(hook) ? null : String(hook["alert_status"]);
    const until = Date.parse(String(hook["disabled_until"]));
    const estimate = unloggedWindows(
      read.attempts,
      {
        alertStatus: asleep ?? "executable",
        disabledUntil: Number.isNaN(until) ? null : until,
        failures: before?.failures ?? 0,
      },
      deps.clock.now(),
    );
    const hookWork: HookWork = {
      place,
      hook,
      missed: read.missed,
      fates: new Map(),
      ways: { resend: deps.mode === "replay" ? "" : null, replay: deps.mode === "resend" ? "" : null },
      answers: false,
      resentInVain: false,
      echoes: [],
      woken: false,
      trouble: null,
      unlogged: estimate.windows,
    };
    contexts.set(hookWork, { read, before, failures: estimate.failures });
    return hookWork;
  }

  /** Asks the receiver what it has, and settles what that settles. */
  async function ask(work: HookWork): Promise<void> {
    const { missed, hook, place, fates, ways } = work;
    const distrust = deps.trust(hook, place.level, Number(parentOf(work)));
    if (distrust !== null) ways.replay ??= distrust;
    else if (missed.length > 0) {
      const ids = missed.flatMap((delivery) => delivery.id ?? []);
      const known = await receiver.known(hook.url, ids);
      if (known.state === "unreachable") ways.replay ??= known.reason;
      if (known.state === "answered") {
        work.answers = true;
        for (const delivery of missed) {
          if (delivery.id !== null && known.ids.has(delivery.id))
            fates.set(delivery, { outcome: "alreadyDelivered" });
        }
      }
    }
    for (const delivery of missed) {
      if (delivery.lost !== null && !fates.has(delivery))
        fates.set(delivery, { outcome: "unrecoverable", reason: delivery.lost });
    }
  }

  /** A test delivery that the receiver answers with 2xx has GitLab send again. Without one GitLab resends nothing either. */
  async function wake(work: HookWork): Promise<void> {
    const { hook, place } = work;
    if (healthy(hook)) return;
    const status = String(hook["alert_status"]);
    try {
      await gitlab.hooks[place.level].test(parentOf(work), hook.id, TEST_TRIGGER);
      work.woken = true;
    } catch (error) {
      if (!(error instanceof UpstreamError) || endsTheRun(error)) throw error;
      work.ways.resend ??= "";
      const cure =
        error.code === "throttled"
          ? "GitLab allows five tests a minute and project"
          : "a test delivery did not wake it; the install command recreates hooks that cannot be tested";
      work.trouble = `GitLab has switched the hook off (${status}): ${cure}: ${error.message}`;
    }
  }

  /** Failures that this run has made GitLab log: without them the next run would take them for new ones. */
  async function findEchoes(work: HookWork): Promise<void> {
    const { read } = contexts.get(work) as Context;
    work.resentInVain = false;
    const later = await readLog({
      log: gitlab.logs[work.place.level],
      parent: parentOf(work),
      hookId: work.hook.id,
      memory: { upTo: read.newest, settled: [], failures: 0, at: Number.POSITIVE_INFINITY },
      since: 0,
      until: null,
    });
    const open = new Set(openDeliveries(work));
    const settled = new Set(work.missed.filter((delivery) => !open.has(delivery)).map(nameOf));
    for (const delivery of later.missed)
      if (settled.has(nameOf(delivery))) work.echoes.push(...delivery.rowIds);
  }

  /** Delivers what waits, and lets the place remember how far it came, also where the run ends in between. */
  async function deliverAll(work: PlaceWork, hooks: readonly HookWork[]): Promise<void> {
    for (const hookWork of hooks) {
      try {
        const waitMs = await deliver(hookWork);
        if (hookWork.resentInVain) await findEchoes(hookWork);
        if (waitMs !== null) work.waitMs = Math.min(waitMs, work.waitMs ?? waitMs);
      } finally {
        await keep(hookWork);
      }
    }
  }

  async function guarded(work: PlaceWork, task: () => Promise<void>): Promise<void> {
    const { place } = work;
    try {
      await task();
    } catch (error) {
      if (!(error instanceof UpstreamError) || endsTheRun(error)) throw error;
      work.waitMs = null;
      if (error.code === "not-found" && place.level === "project" && work.hooks.length === 0) {
        work.skipped = "gone: deleted or moved out of the token's reach during the run";
      } else work.failure = explain(error, place.level);
    }
  }

  return {
    begin: (work) =>
      guarded(work, async () => {
        const { place } = work;
        const present = await gitlab.hooks[place.level].list(place.id);
        const ours = present.filter((hook) => isOurs(hook, deps.relayUrl)).sort((a, b) => a.id - b.id);
        if (ours.length === 0) work.skipped = "has no hook of ours";
        for (const hook of ours) {
          const hookWork = await examineOrExplain(place, hook, work);
          work.hooks.push(hookWork);
          await ask(hookWork);
          if (deps.dryRun) continue;
          await wake(hookWork);
          await deliverAll(work, [hookWork]);
        }
      }),
    goOn: (work) =>
      guarded(work, () => {
        work.waitMs = null;
        return deliverAll(work, work.hooks);
      }),
  };

  async function examineOrExplain(place: Place, hook: Hook, work: PlaceWork): Promise<HookWork> {
    try {
      return await examine(place, hook, work);
    } catch (error) {
      if (!(error instanceof UpstreamError) || error.code !== "not-found") throw error;
      const message = `${error.message} (GitLab has a log of deliveries in its API from version 17.3 on)`;
      throw new UpstreamError("no-log", message, { status: 404, retryable: false });
    }
  }
}

/** The place as the walk over the projects counts it; `update`: something was recovered or woken, or would be. */
export function placeResult(work: PlaceWork, { dryRun }: Pick<PlaceDeps, "dryRun">): HookResult {
  const { place, hooks } = work;
  const fates = hooks.flatMap((hook) => [...hook.fates.values()]);
  const hookId = hooks[0]?.hook.id ?? null;
  const troubles = [
    ...(work.failure === null ? [] : [work.failure]),
    ...hooks.flatMap((hook) => hook.trouble ?? []),
    ...fates.flatMap((fate) => (fate.outcome === "outstanding" ? fate.reason : [])),
  ];
  if (troubles.length > 0) {
    return resultOf(place, "fail", { hookId, reason: [...new Set(troubles)].join("; ") });
  }
  if (work.skipped !== null) return resultOf(place, "skip", { reason: work.skipped });
  const open = hooks.reduce((sum, hook) => sum + openDeliveries(hook).length, 0);
  const recovered = fates.some((fate) => fate.outcome === "recovered");
  const changed = recovered || open > 0 || hooks.some((hook) => hook.woken);
  const reason = open > 0 && !dryRun ? `the run ended before ${open} of them: the next one goes on` : null;
  return resultOf(place, changed ? "update" : "none", { hookId, reason });
}
