/**
 * Has the missed deliveries of one hook delivered, oldest first and one after another, so that a project's events keep their
 * order.
 *
 * Two ways lead to the receiver. `resend`: GitLab sends the logged body again, five a minute and place; its answer is 201
 * whatever the receiver said, so the status in it counts. `replay`: the job posts the logged body itself. A way that turns out
 * to lead nowhere is closed for the hook, and the other one is taken where the mode allows it; if both are closed, the rest
 * stays outstanding for the next run. Interrupted anywhere: a delivery whose answer was lost is made again, under the same id.
 */
import { UpstreamError } from "../../lib/errors.ts";
import { endsTheRun } from "../../lib/gitlab/refusal.ts";
import type { Budget } from "../../lib/gitlab/budget.ts";
import type { HookLogApi } from "../gitlab/hook-log.ts";
import { ATTEMPTS, backoffMs } from "../../lib/gitlab/sender.ts";
import type { Level } from "../gitlab/types.ts";
import type { Fate, HookWork } from "./hook-work.ts";
import { isDelivered, openSince, type Missed } from "./finding.ts";
import type { Pace } from "./pace.ts";
import type { Receiver, Replayed } from "./receiver.ts";

export interface DelivererDeps {
  readonly logs: Readonly<Record<Level, HookLogApi>>;
  readonly receiver: Receiver;
  readonly pace: Pace;
  readonly budget: Pick<Budget, "pause">;
  readonly random: () => number;
  /** Writes down what is settled; resolves when it is written. */
  readonly remember: (work: HookWork) => Promise<void>;
}

/** Tries of a replay that the receiver puts off (503, 429) or that meets no answer, and the longest pause between two. */
const REPLAYS = 3;
const LONGEST_PAUSE_MS = 10_000;

export class Deliverer {
  readonly #deps: DelivererDeps;

  constructor(deps: DelivererDeps) {
    this.#deps = deps;
  }

  /** @returns milliseconds after which the rest may be resent; null: nothing is left that waiting would help */
  async deliver(work: HookWork): Promise<number | null> {
    for (const delivery of work.open) {
      while (!work.isSettled(delivery)) {
        const sameUrl = delivery.url === work.hook.url;
        const canResend = work.whyClosed("resend") === null && sameUrl;
        const waitMs = canResend ? this.#deps.pace.waitMs(work.limitKey) : 0;
        const noReplay = work.whyClosed("replay");
        if (canResend && waitMs === 0) await this.#resend(work, delivery);
        else if (noReplay === null) await this.#replay(work, delivery);
        else if (canResend) return waitMs;
        else {
          const reason = bothReasons(work.whyClosed("resend") ?? MOVED, noReplay);
          work.setFate(delivery, { outcome: "outstanding", reason });
          break;
        }
      }
    }
    return null;
  }

  /** Settles the delivery, or closes the way, or uses the limit up. */
  async #resend(work: HookWork, delivery: Missed): Promise<void> {
    const { logs, pace, budget, random } = this.#deps;
    const log = logs[work.place.level];
    const rowId = delivery.rowIds.at(-1) as number;
    for (let tries = 1; ; tries++) {
      try {
        const status = await log.resend(work.parent, work.hook.id, rowId);
        pace.count(work.limitKey);
        return await this.#judge(work, delivery, status);
      } catch (error) {
        if (!(error instanceof UpstreamError) || endsTheRun(error)) throw error;
        pace.count(work.limitKey);
        if (error.code === "throttled") return pace.fill(work.limitKey);
        work.noteVainResend();
        if (!error.retryable) {
          return work.close("resend", /url has changed/i.test(error.message) ? MOVED : closedBy(error));
        }
        // Whether it was sent is not known: the log is.
        await budget.pause(backoffMs(tries, random));
        const { rows } = await log.page(work.parent, work.hook.id, 1);
        if (openSince(delivery, rows) === null)
          return await this.#settle(work, delivery, { outcome: "recovered", by: "resend" });
        if (tries >= ATTEMPTS || pace.waitMs(work.limitKey) > 0) return work.close("resend", error.message);
      }
    }
  }

  /** By what the receiver answered GitLab. */
  async #judge(work: HookWork, delivery: Missed, status: string): Promise<void> {
    if (isDelivered(status)) return this.#settle(work, delivery, { outcome: "recovered", by: "resend" });
    work.noteVainResend();
    if (isFinalRefusal(Number(status))) await this.#settle(work, delivery, refusedAgain(status));
    else work.close("resend", `the receiver answered GitLab's resend with ${status}`);
  }

  /** Settles the delivery, or closes the way. */
  async #replay(work: HookWork, delivery: Missed): Promise<void> {
    const { receiver, budget } = this.#deps;
    for (let tries = 1; ; tries++) {
      await budget.pause(0);
      const replayed = await receiver.replay(work.hook.url, delivery);
      switch (replayed.state) {
        case "stored":
          return this.#settle(work, delivery, { outcome: "recovered", by: "replay" });
        case "duplicate":
          return this.#settle(work, delivery, { outcome: "alreadyDelivered" });
        case "unreachable":
          if (tries >= REPLAYS) return work.close("replay", replayed.reason);
          await budget.pause(backoffMs(tries, this.#deps.random));
          continue;
        case "foreign":
          return work.close(
            "replay",
            `${new URL(work.hook.url).host} answered this job with ${replayed.status}, but not as the relay does: something stands in front of it, or --url is another program's address`,
          );
        case "refused":
          if (await this.#isOverAfter(replayed, tries, { work, delivery })) return;
          continue;
        default:
          return replayed satisfies never;
      }
    }
  }

  /** After a refusal of the receiver: waits where it may pass. @returns whether there is nothing more to try */
  async #isOverAfter(
    { status, retryAfterMs }: Extract<Replayed, { readonly state: "refused" }>,
    tries: number,
    { work, delivery }: { readonly work: HookWork; readonly delivery: Missed },
  ): Promise<boolean> {
    const { budget, random } = this.#deps;
    if (isFinalRefusal(status)) await this.#settle(work, delivery, refusedAgain(String(status)));
    else if ((status !== 503 && status !== 429) || tries >= REPLAYS)
      work.close("replay", refusalText(status));
    else {
      await budget.pause(Math.min(retryAfterMs ?? backoffMs(tries, random), LONGEST_PAUSE_MS));
      return false;
    }
    return true;
  }

  async #settle(work: HookWork, delivery: Missed, fate: Fate): Promise<void> {
    work.setFate(delivery, fate);
    // GitLab logs what it resends and our relay says what it has; for the others the state file is the only memory.
    if (!work.answers) await this.#deps.remember(work);
  }
}

const MOVED = "the address of the hook has changed since";

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
function isFinalRefusal(status: number): boolean {
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
