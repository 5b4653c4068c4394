/**
 * Has the missed deliveries of one hook delivered, oldest first and one after another, so that a project's events keep their
 * order.
 *
 * Two ways lead to the receiver. `resend`: GitLab sends the logged body again, five a minute and place; its answer is 201
 * whatever the receiver said, so the status in it counts. `replay`: the job posts the logged body itself. A way that turns out
 * to lead nowhere is closed for the hook, and the other one is taken where the mode allows it; where both are closed, the rest
 * stays outstanding for the next run. Interrupted anywhere: a delivery whose answer was lost is made again, under the same id.
 */
import { UpstreamError } from "../../lib/errors.ts";
import { endsTheRun } from "../../lib/gitlab/refusal.ts";
import type { Budget } from "../../lib/gitlab/budget.ts";
import type { HookLogApi } from "../gitlab/hook-log.ts";
import { ATTEMPTS, backoffMs } from "../../lib/gitlab/sender.ts";
import type { Level } from "../gitlab/types.ts";
import type { Fate, HookWork } from "./fate.ts";
import { isDelivered, openSince, type Missed } from "./finding.ts";
import type { Pace } from "./pace.ts";
import type { Receiver } from "./receiver.ts";

export interface DeliverDeps {
  readonly logs: Readonly<Record<Level, HookLogApi>>;
  readonly receiver: Receiver;
  readonly pace: Pace;
  readonly budget: Pick<Budget, "pause">;
  readonly random: () => number;
  /** Writes down what is settled; resolves when it is written. */
  readonly remember: (work: HookWork) => Promise<void>;
}

/** @returns milliseconds after which the rest may be resent; null: nothing is left that waiting would help */
export type Deliver = (work: HookWork) => Promise<number | null>;

/** Tries of a replay that the receiver puts off (503, 429) or that meets no answer, and the longest pause between two. */
const REPLAYS = 3;
const LONGEST_PAUSE_MS = 10_000;

export function createDeliver(deps: DeliverDeps): Deliver {
  const { receiver, pace, budget } = deps;

  /** Settles the delivery, or closes the way, or uses the limit up. */
  async function resend(work: HookWork, delivery: Missed): Promise<void> {
    const log = deps.logs[work.place.level];
    const rowId = delivery.rowIds.at(-1) as number;
    const id = parentOf(work);
    for (let tries = 1; ; tries++) {
      try {
        const status = await log.resend(id, work.hook.id, rowId);
        pace.count(placeKey(work));
        await judge(work, delivery, status);
        return;
      } catch (error) {
        if (!(error instanceof UpstreamError) || endsTheRun(error)) throw error;
        pace.count(placeKey(work));
        if (error.code === "throttled") return pace.fill(placeKey(work));
        work.resentInVain = true;
        if (!error.retryable) {
          if (/url has changed/i.test(error.message))
            work.ways.resend = "the address of the hook has changed since";
          else work.ways.resend = closedBy(error);
          return;
        }
        // Whether it was sent is not known: the log is.
        await budget.pause(backoffMs(tries, deps.random));
        const { rows } = await log.page(id, work.hook.id, 1);
        if (openSince(delivery, rows) === null) {
          await settle(work, delivery, { outcome: "recovered", by: "resend" });
          return;
        }
        if (tries >= ATTEMPTS || pace.waitMs(placeKey(work)) > 0) {
          work.ways.resend = error.message;
          return;
        }
      }
    }
  }

  async function judge(work: HookWork, delivery: Missed, status: string): Promise<void> {
    if (isDelivered(status)) return settle(work, delivery, { outcome: "recovered", by: "resend" });
    work.resentInVain = true;
    if (isFinalRefusal(Number(status))) await settle(work, delivery, refusedAgain(status));
    else work.ways.resend = `the receiver answered GitLab's resend with ${status}`;
  }

  async function replay(work: HookWork, delivery: Missed): Promise<void> {
    for (let tries = 1; ; tries++) {
      await budget.pause(0);
      const replayed = await receiver.replay(work.hook.url, delivery);
      switch (replayed.state) {
        case "stored":
          return settle(work, delivery, { outcome: "recovered", by: "replay" });
        case "duplicate":
          return settle(work, delivery, { outcome: "alreadyDelivered" });
        case "unreachable":
          if (tries < REPLAYS) break;
          work.ways.replay = replayed.reason;
          return;
        case "foreign":
          work.ways.replay = `${new URL(work.hook.url).host} answered this job with ${replayed.status}, but not as the relay does: something stands in front of it, or --url is another program's address`;
          return;
        case "refused":
          break;
        default:
          return replayed satisfies never;
      }
      if (replayed.state === "unreachable") {
        await budget.pause(backoffMs(tries, deps.random));
        continue;
      }
      const { status, retryAfterMs } = replayed;
      if (isFinalRefusal(status)) return settle(work, delivery, refusedAgain(String(status)));
      const passing = (status === 503 || status === 429) && tries < REPLAYS;
      if (!passing) {
        work.ways.replay = refusalText(status);
        return;
      }
      await budget.pause(Math.min(retryAfterMs ?? backoffMs(tries, deps.random), LONGEST_PAUSE_MS));
    }
  }

  async function settle(work: HookWork, delivery: Missed, fate: Fate): Promise<void> {
    work.fates.set(delivery, fate);
    // GitLab logs what it resends and our relay says what it has; for the others the state file is the only memory.
    if (!work.answers) await deps.remember(work);
  }

  return async function deliver(work) {
    const left = work.missed.filter((delivery) => !isSettled(work, delivery));
    for (const delivery of left) {
      while (!isSettled(work, delivery)) {
        const { ways } = work;
        const sameUrl = delivery.url === work.hook.url;
        const canResend = ways.resend === null && sameUrl;
        const waitMs = canResend ? pace.waitMs(placeKey(work)) : 0;
        if (canResend && waitMs === 0) await resend(work, delivery);
        else if (ways.replay === null) await replay(work, delivery);
        else if (canResend) return waitMs;
        else {
          const noResend = ways.resend ?? "the address of the hook has changed since";
          work.fates.set(delivery, { outcome: "outstanding", reason: bothReasons(noResend, ways.replay) });
          break;
        }
      }
    }
    return null;
  };
}

function isSettled(work: HookWork, delivery: Missed): boolean {
  const fate = work.fates.get(delivery);
  return fate !== undefined && fate.outcome !== "outstanding";
}

export function parentOf({ place, hook }: Pick<HookWork, "place" | "hook">): number | string {
  const id = hook[place.level === "project" ? "project_id" : "group_id"];
  return typeof id === "number" ? id : place.id;
}

function placeKey(work: HookWork): string {
  return `${work.place.level} ${parentOf(work)}`;
}

function bothReasons(resend: string, replay: string): string {
  return resend === replay || resend === "" ? replay : replay === "" ? resend : `${resend}; ${replay}`;
}

function closedBy(error: UpstreamError): string {
  const cure =
    error.code === "not-found"
      ? " (GitLab resends from version 17.4 on, and only what its log still holds)"
      : "";
  return `${error.message}${cure}`;
}

/** What the event itself is to blame for: no repetition changes it. Everything else may pass. */
export function isFinalRefusal(status: number): boolean {
  return status >= 400 && status < 500 && ![401, 403, 404, 407, 408, 425, 429].includes(status);
}

function refusedAgain(status: string): Fate {
  return { outcome: "unrecoverable", reason: `the receiver refused it again with ${status}` };
}

function refusalText(status: number): string {
  if (status === 401 || status === 403) {
    return `the receiver does not accept the secrets of this job (${status}): they must be those of the hooks`;
  }
  return `the receiver answered this job with ${status}`;
}
