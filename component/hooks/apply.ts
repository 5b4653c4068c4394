/**
 * Makes one place right: lists its hooks, plans, has the plan carried out, and says what became of it. It never throws for one
 * project. It throws RunStopped if the run has to end for all, EndOfRun once GitLab has refused what every hook would be sent, and
 * UpstreamError if no request has a chance: no token is left, a certificate is refused.
 *
 * Whatever happens half-way, the next run ends right: a hook is only called up to date by the fingerprint that its last write
 * carries, and what is too much is removed last. A write that would take a secret which this run cannot write back is not made: it
 * is counted, and the place fails.
 */
import { UpstreamError } from "../../lib/errors.ts";
import { endsTheRun } from "../../lib/gitlab/refusal.ts";
import { ATTEMPTS } from "../../lib/gitlab/sender.ts";
import type { Hook, HookPlace, Place } from "../gitlab/types.ts";
import type { SecretVariable } from "./carried.ts";
import { describe, markerIn, type Marker, type WantedHook } from "./desired.ts";
import { EndOfRun } from "./end-of-run.ts";
import { explain, isOfEveryHook } from "./explain.ts";
import { Loss, type Losses } from "./losses.ts";
import type { HookAbove } from "./parents.ts";
import { isOurs, planHook, type Change, type HookPlan } from "./plan.ts";
import { asleepReason, planResult } from "./plan-result.ts";
import { BELOW_ROLE, resultOf, type HookResult } from "./result.ts";
import { unkeptOf } from "./unkept.ts";
import { HookWriter, type HookWriterDeps } from "./writer.ts";

export interface ApplyDeps extends HookWriterDeps {
  readonly losses: Losses;
  readonly dryRun: boolean;
  readonly pruneDuplicates: boolean;
  readonly reenable: boolean;
  /** Asked before a project gets a hook; throws if no project may get one. @returns a hook that makes it needless, or null */
  readonly beforeCreate: (project: Place) => Promise<HookAbove | null>;
  /** Whether hooks of ours are known to be about, so that a place without one is looked at twice before it gets one. */
  readonly isInstalled: () => Promise<boolean>;
  /** Whether a project whose hooks GitLab does not find is not there itself. */
  readonly isGone: (projectId: number) => Promise<boolean>;
  /** Whether a project that refuses is one in which the token has less than the Maintainer role. */
  readonly isBelowMaintainer: (projectId: number) => Promise<boolean>;
}

/** What would be done in a place, without doing it. */
export interface Foreseen {
  readonly result: HookResult;
  readonly losses: readonly SecretVariable[];
}

/** Thrown for a project that is not there any more. */
class Gone extends Error {
  override readonly name = "Gone";
}

/** Each has cost several tries: a GitLab that went down would be waited for, project by project, for hours. */
const MOST_UNANSWERED = 20;

export class Apply {
  readonly #deps: ApplyDeps;
  readonly #writer: HookWriter;
  /** What GitLab has refused of one hook and would refuse of each. */
  #refusedForAll: EndOfRun | null = null;
  /** Places in a row for which GitLab did not answer properly. */
  #unanswered = 0;

  constructor(deps: ApplyDeps) {
    this.#deps = deps;
    this.#writer = new HookWriter(deps);
  }

  /** Exactly one healthy hook of ours, as wanted. */
  async install(place: HookPlace, wanted: WantedHook): Promise<HookResult> {
    if (this.#refusedForAll !== null) throw this.#refusedForAll;
    return this.#guarded(place, async () => {
      for (let lists = 1; ; lists++) {
        const plan = await this.#look(place, wanted);
        if (this.#deps.dryRun) return (await this.#foreseen(place, wanted, plan)).result;
        try {
          return await this.#carryOut(place, wanted, plan);
        } catch (error) {
          // The hook went away between list and write: what is there now decides.
          const vanished = error instanceof UpstreamError && error.code === "not-found";
          if (!vanished || lists >= ATTEMPTS) throw error;
        }
      }
    });
  }

  /** What `install` would do, without a write; losses are counted. */
  async foresee(place: HookPlace, wanted: WantedHook): Promise<Foreseen> {
    let losses: readonly SecretVariable[] = [];
    const result = await this.#guarded(place, async () => {
      const foreseen = await this.#foreseen(place, wanted, await this.#look(place, wanted));
      losses = foreseen.losses;
      return foreseen.result;
    });
    return { result, losses };
  }

  /** The same as `install` from hooks that were listed just now: for the group, whose hooks decide on more than themselves. */
  installListed(place: HookPlace, wanted: WantedHook, present: readonly Hook[]): Promise<HookResult> {
    return this.#guarded(place, () => {
      const plan = this.#plan(wanted, present);
      return this.#deps.dryRun
        ? this.#foreseen(place, wanted, plan).then(({ result }) => result)
        : this.#carryOut(place, wanted, plan);
    });
  }

  planListed(wanted: WantedHook, present: readonly Hook[]): HookPlan {
    return this.#plan(wanted, present);
  }

  /** Writes a mark into the description of a hook and leaves everything else as it is. */
  async mark(place: HookPlace, hook: Hook, change: Partial<Marker>): Promise<void> {
    const before = markerIn(hook["description"]);
    if (before === null || this.#deps.dryRun) return;
    const description = describe({ ...before, ...change }, hook["description"]);
    await this.#deps.hooks[place.level].edit(place.id, hook.id, { url: hook.url, description });
  }

  /** No hook of ours. @param doubts whether one is expected, so that a list without it is read twice */
  async remove(
    place: HookPlace,
    { doubts = false }: { readonly doubts?: boolean } = {},
  ): Promise<HookResult> {
    if (this.#refusedForAll !== null) throw this.#refusedForAll;
    return this.#guarded(place, async () => {
      const api = this.#deps.hooks[place.level];
      let ours = await this.ours(place);
      if (ours.length === 0 && doubts) ours = await this.ours(place);
      if (!this.#deps.dryRun) for (const hook of ours) await api.remove(place.id, hook.id);
      const changes = ours.map((hook): Change => ({ attribute: "hook", from: hook.id, to: null }));
      return resultOf(place, ours.length === 0 ? "none" : "remove", { changes, hookId: ours[0]?.id ?? null });
    });
  }

  /** Hooks of ours in a place. Throws what the request throws. */
  async ours(place: HookPlace): Promise<readonly Hook[]> {
    const present = await this.#deps.hooks[place.level].list(place.id);
    return present.filter((hook) => isOurs(hook, this.#deps.relayUrl));
  }

  /** The same; none if the place is gone or closed to this token. */
  async oursIfThere(place: HookPlace): Promise<readonly Hook[]> {
    try {
      return await this.#sure(place, () => this.ours(place));
    } catch (error) {
      if (error instanceof Gone || (error instanceof UpstreamError && error.code === "forbidden")) return [];
      throw error;
    }
  }

  /** A single odd 404 is gone at the second look. Throws Gone if the project itself is not there. */
  async #sure<T>(place: HookPlace, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const isOdd = error instanceof UpstreamError && error.code === "not-found" && place.level === "project";
      if (!isOdd) throw error;
      if (await this.#deps.isGone(Number(place.id))) throw new Gone();
      return work();
    }
  }

  async #look(place: HookPlace, wanted: WantedHook): Promise<HookPlan> {
    const plan = this.#plan(wanted, await this.#deps.hooks[place.level].list(place.id));
    if (plan.keep !== null) this.#deps.seen.found(wanted, plan.keep);
    return plan;
  }

  #plan(wanted: WantedHook, present: readonly Hook[]): HookPlan {
    const { seen, dryRun, relayUrl } = this.#deps;
    return planHook(wanted, present, { signingIgnored: seen.signingIgnored, dryRun }, relayUrl);
  }

  async #carryOut(place: HookPlace, wanted: WantedHook, plan: HookPlan): Promise<HookResult> {
    const { reenable, pruneDuplicates: prunes, hooks, seen } = this.#deps;
    if (plan.losses.length > 0) throw new Loss(plan.losses);
    if (plan.keep === null) {
      const covered = await this.#coveredBefore(place);
      if (covered !== null) return covered;
      const missed = await this.#missed(place, wanted);
      if (missed !== null) return this.#carryOut(place, wanted, missed);
      const hook = await this.#writer.create(place, wanted);
      const unkept = unkeptOf(wanted, hook, this.#plan(wanted, [hook]));
      return resultOf(place, unkept === null ? "create" : "fail", { hookId: hook.id, reason: unkept });
    }
    let hook = plan.keep;
    let changes = [...plan.changes];
    const reasons: string[] = [];
    if (changes.length > 0) {
      hook = await this.#writer.edit({ place, wanted, hook, plan });
      if (plan.movesBack) seen.movesBack();
      if (plan.leavesSystem) seen.leavesSystem();
      const unkept = unkeptOf(wanted, hook, this.#plan(wanted, [hook]));
      if (unkept !== null) return resultOf(place, "fail", { changes, hookId: hook.id, reason: unkept });
      const isUnsigned = hook["signing_token_present"] === false && wanted.signingToken !== null;
      if (isUnsigned) {
        changes = changes.filter((c) => c.attribute !== "signing_token_present");
        reasons.push("GitLab did not keep the signing token: its flag webhook_signing_token is off");
      }
    }
    if (plan.asleep !== null && !reenable)
      reasons.push(`GitLab has switched it off (${plan.asleep}); --reenable is off`);
    if (plan.asleep !== null && reenable) {
      try {
        const awake = await this.#writer.wake({ place, wanted, hook, plan });
        changes.push({ attribute: "alert_status", from: plan.asleep, to: "executable" });
        if (awake.id !== hook.id) reasons.push(`hook ${hook.id} could not be tested, so it was recreated`);
        hook = awake;
      } catch (error) {
        if (!(error instanceof UpstreamError) || endsTheRun(error)) throw error;
        const reason = asleepReason(plan.asleep, error);
        return resultOf(place, "fail", { changes, hookId: hook.id, reason });
      }
    }
    if (prunes) for (const one of plan.duplicates) await hooks[place.level].remove(place.id, one.id);
    return planResult(place, plan, { changes, hookId: hook.id, reasons, prunes });
  }

  /**
   * The plan for a hook of ours that the list before did not show: one stale answer of a cache would bring a second hook. Costs a
   * request where there is evidence for it. Null: there is none.
   */
  async #missed(place: HookPlace, wanted: WantedHook): Promise<HookPlan | null> {
    if (!(await this.#deps.isInstalled())) return null;
    const plan = await this.#look(place, wanted);
    return plan.keep === null ? null : plan;
  }

  /** A hook of a group makes one in the project needless; null: none does. */
  async #coveredBefore(place: HookPlace): Promise<HookResult | null> {
    if (place.level !== "project") return null;
    const above = await this.#deps.beforeCreate({ ...place, level: place.level });
    if (above === null) return null;
    const { hook, group } = above;
    return resultOf(place, "none", { hookId: hook.id, reason: `covered by hook ${hook.id} of ${group}` });
  }

  /** What `#carryOut` would do. */
  async #foreseen(place: HookPlace, wanted: WantedHook, plan: HookPlan): Promise<Foreseen> {
    const { losses, unverified } = plan;
    if (unverified.length > 0) this.#deps.losses.addUnverified(unverified);
    if (losses.length > 0) this.#deps.losses.add(losses);
    if (plan.keep === null) {
      const covered = await this.#coveredBefore(place);
      const missed = covered === null ? await this.#missed(place, wanted) : null;
      if (missed !== null) return this.#foreseen(place, wanted, missed);
      return { result: covered ?? resultOf(place, "create"), losses };
    }
    const wakes = plan.asleep !== null && this.#deps.reenable;
    const changes = wakes
      ? [...plan.changes, { attribute: "alert_status", from: plan.asleep, to: "executable" }]
      : plan.changes;
    const done = { changes, hookId: plan.keep.id, reasons: [], prunes: this.#deps.pruneDuplicates };
    return { result: planResult(place, plan, done), losses };
  }

  /** One project's trouble becomes its result; what concerns the whole run goes on upwards. */
  async #guarded(place: HookPlace, work: () => Promise<HookResult>): Promise<HookResult> {
    try {
      const result = await this.#sure(place, work);
      this.#unanswered = 0;
      return result;
    } catch (error) {
      if (error instanceof Loss) {
        this.#deps.losses.add(error.variables);
        return resultOf(place, "fail", { reason: error.message });
      }
      if (error instanceof Gone) {
        return resultOf(place, "skip", {
          reason: "gone: deleted or moved out of the token's reach during the run",
        });
      }
      if (!(error instanceof UpstreamError) || endsTheRun(error)) throw error;
      const mayBeBelow = error.code === "forbidden" && !/scope/i.test(error.message);
      if (mayBeBelow && place.level === "project" && (await this.#deps.isBelowMaintainer(Number(place.id)))) {
        return resultOf(place, "skip", { reason: BELOW_ROLE });
      }
      const reason = explain(error, place.level);
      this.#unanswered = error.retryable ? this.#unanswered + 1 : 0;
      if (this.#unanswered >= MOST_UNANSWERED) {
        const text = `GitLab has not answered properly for ${this.#unanswered} projects in a row: ${reason}; this run ends, and the next one goes on from there`;
        this.#refusedForAll ??= new EndOfRun(text, { status: 1, complete: false });
      }
      if (isOfEveryHook(error)) {
        const text = `GitLab would refuse every other hook as well: ${reason}`;
        this.#refusedForAll ??= new EndOfRun(text, { status: 1, complete: false });
      }
      return resultOf(place, "fail", { reason });
    }
  }
}
