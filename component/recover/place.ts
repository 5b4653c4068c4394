/**
 * One place of the group: its hooks of ours, what their logs say was missed, waking what GitLab switched off, delivery. It never
 * throws for one place; RunStopped and a refused token end the run for all, after what was done so far is reported.
 */
import { UpstreamError } from "../../lib/errors.ts";
import { endsTheRun } from "../../lib/gitlab/refusal.ts";
import type { GitLab } from "../gitlab/client.ts";
import { explain } from "../hooks/explain.ts";
import { NO_HOOK } from "../hooks/result.ts";
import { healthy, isOurs } from "../hooks/plan.ts";
import type { Deliverer } from "./deliver.ts";
import type { HookLogs } from "./hook-logs.ts";
import type { HookWork } from "./hook-work.ts";
import type { PlaceWork } from "./place-work.ts";
import type { Receiver } from "./receiver.ts";
import type { Trust } from "./trust.ts";

export interface PlaceDeps {
  readonly hooks: GitLab["hooks"];
  readonly logs: HookLogs;
  readonly receiver: Receiver;
  readonly deliverer: Deliverer;
  readonly trust: Trust;
  /** Address of the relay; null: ours are known by their marker alone. */
  readonly relayUrl: string | null;
  readonly dryRun: boolean;
}

/** Pushes are what nearly every project has. */
const TEST_TRIGGER = "push_events";

/** Both methods throw RunStopped, and UpstreamError if no request has a chance, with `work` as far as it came. */
export class PlaceRecovery {
  readonly #deps: PlaceDeps;

  constructor(deps: PlaceDeps) {
    this.#deps = deps;
  }

  /** Reads and delivers. */
  begin(work: PlaceWork): Promise<void> {
    return this.#guarded(work, async () => {
      const { place } = work;
      const { hooks, logs, relayUrl, dryRun } = this.#deps;
      const present = await hooks[place.level].list(place.id);
      const ours = present.filter((hook) => isOurs(hook, relayUrl)).sort((a, b) => a.id - b.id);
      if (ours.length === 0) work.skip(NO_HOOK);
      for (const hook of ours) {
        const opened = await logs.open(place, hook);
        work.addHook(opened.work, opened.pages);
        await this.#ask(opened.work);
        if (dryRun) continue;
        await this.#wake(opened.work);
        await this.#deliver(work, [opened.work]);
      }
    });
  }

  /** Goes on with what waited for GitLab's limit. */
  goOn(work: PlaceWork): Promise<void> {
    return this.#guarded(work, () => {
      work.endWait();
      return this.#deliver(work, work.hooks);
    });
  }

  /** Asks the receiver what it has, and settles what that settles. */
  async #ask(work: HookWork): Promise<void> {
    const { missed, hook, place } = work;
    const distrust = this.#deps.trust(hook, place.level, Number(work.parent));
    if (distrust !== null) work.close("replay", distrust);
    else if (missed.length > 0) await this.#askForIds(work);
    for (const delivery of missed) {
      if (delivery.lost !== null && work.fateOf(delivery) === null)
        work.setFate(delivery, { outcome: "unrecoverable", reason: delivery.lost });
    }
  }

  async #askForIds(work: HookWork): Promise<void> {
    const ids = work.missed.flatMap((delivery) => delivery.id ?? []);
    const known = await this.#deps.receiver.known(work.hook.url, ids);
    if (known.state === "unreachable") work.close("replay", known.reason);
    if (known.state !== "answered") return;
    work.receiverAnswers();
    for (const delivery of work.missed) {
      if (delivery.id !== null && known.ids.has(delivery.id))
        work.setFate(delivery, { outcome: "alreadyDelivered" });
    }
  }

  /** A test delivery that the receiver answers with 2xx has GitLab send again. Without one GitLab resends nothing either. */
  async #wake(work: HookWork): Promise<void> {
    const { hook, place } = work;
    if (healthy(hook)) return;
    try {
      await this.#deps.hooks[place.level].test(work.parent, hook.id, TEST_TRIGGER);
      work.wake();
    } catch (error) {
      if (!(error instanceof UpstreamError) || endsTheRun(error)) throw error;
      const cure =
        error.code === "throttled"
          ? "GitLab allows five tests a minute and project"
          : "a test delivery did not wake it; the install command recreates hooks that cannot be tested";
      work.sleepOn(
        `GitLab has switched the hook off (${String(hook["alert_status"])}): ${cure}: ${error.message}`,
      );
    }
  }

  /** Delivers what waits, and lets the place remember how far it came, also if the run ends in between. */
  async #deliver(work: PlaceWork, hooks: readonly HookWork[]): Promise<void> {
    const { logs, deliverer } = this.#deps;
    for (const hookWork of hooks) {
      try {
        const waitMs = await deliverer.deliver(hookWork);
        if (hookWork.takeVainResend()) await logs.noteEchoes(hookWork);
        if (waitMs !== null) work.waitFor(waitMs);
      } finally {
        await logs.remember(hookWork);
      }
    }
  }

  async #guarded(work: PlaceWork, task: () => Promise<void>): Promise<void> {
    const { place } = work;
    try {
      await task();
    } catch (error) {
      if (!(error instanceof UpstreamError) || endsTheRun(error)) throw error;
      const isGone = error.code === "not-found" && place.level === "project" && work.hooks.length === 0;
      if (isGone) work.skip("gone: deleted or moved out of the token's reach during the run");
      else work.fail(explain(error, place.level));
    }
  }
}
