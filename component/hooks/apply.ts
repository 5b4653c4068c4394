/**
 * Makes one place right: lists its hooks, plans, writes, and says what became of it. It never throws for one project; it does
 * throw RunStopped when the run has to end for all, and UpstreamError when no request has a chance: no token is left, a certificate is refused.
 *
 * Whatever happens half-way, the next run ends right: a hook is only called up to date by the fingerprint that its last write
 * carries, a POST whose answer was lost is looked for before it is sent again, and what is too much is removed last. A write
 * that would take a secret which this run cannot write back is not made: it is counted, and the place fails.
 */
import { UpstreamError } from "../../lib/errors.ts";
import { endsTheRun } from "../../lib/gitlab/refusal.ts";
import type { Budget } from "../../lib/gitlab/budget.ts";
import type { HookApi } from "../gitlab/client.ts";
import { ATTEMPTS, backoffMs } from "../../lib/gitlab/sender.ts";
import type { Hook, Level, Place } from "../gitlab/types.ts";
import { bodyOf } from "./body.ts";
import { endsInOwnKey, variablesOf, type SecretVariable } from "./carried.ts";
import { describe, markerIn, type Marker, type WantedHook } from "./desired.ts";
import { explain } from "./explain.ts";
import { lossReason, type Losses } from "./losses.ts";
import { isOurs, planHook, type Change, type HookPlan } from "./plan.ts";
import { BELOW_ROLE, resultOf, type HookResult } from "./result.ts";

/** What a run learns about the instance while it works, for the report. */
export interface Seen {
  /** Signing tokens were sent and not kept, or the instance does not know them. */
  signingIgnored: boolean;
  /** Hooks show no description, so nothing hidden can be compared. */
  noDescriptions: boolean;
  /** When GitLab made the first hook of this run, and the youngest one of ours that was there before; its own clock. */
  firstCreated: number | null;
  youngestFound: number | null;
}

export function nothingSeen(): Seen {
  return {
    signingIgnored: false,
    noDescriptions: false,
    firstCreated: null,
    youngestFound: null,
  };
}

export interface ApplyDeps {
  readonly hooks: Readonly<Record<Level, HookApi>>;
  readonly budget: Budget;
  readonly random: () => number;
  readonly seen: Seen;
  readonly losses: Losses;
  /** The relay's address; null: ours are known by their marker alone. */
  readonly relayUrl: string | null;
  readonly dryRun: boolean;
  readonly pruneDuplicates: boolean;
  readonly reenable: boolean;
  /** Asked before a project gets a hook; throws where no project may get one. */
  readonly beforeCreate: (place: Place) => Promise<void>;
  /** Whether a project that refuses is one in which the token has less than the Maintainer role. */
  readonly isBelowMaintainer: (projectId: number) => Promise<boolean>;
  /** Whether a project's repository is empty: GitLab tests its hooks with the push of another project. */
  readonly isEmpty: (projectId: number) => Promise<boolean>;
}

/** What would be done in a place, without doing it. */
export interface Foreseen {
  readonly result: HookResult;
  readonly losses: readonly SecretVariable[];
}

/** Triggers of test deliveries: pushes are what nearly every project has. */
const TEST_TRIGGER = "push_events";
const NO_TEST =
  /^[^:]*: (4\d\d )?.*(ensure |testing not available|no test data|does not have a valid value)/i;

/** A write found that it would take a secret: the place is left as it is. */
class Loss extends Error {
  override readonly name = "Loss";
  readonly variables: readonly SecretVariable[];
  constructor(variables: readonly SecretVariable[]) {
    super(lossReason(variables));
    this.variables = variables;
  }
}

export class Apply {
  readonly #deps: ApplyDeps;

  constructor(deps: ApplyDeps) {
    this.#deps = deps;
  }

  /** Exactly one healthy hook of ours, as wanted. */
  install(place: Place, wanted: WantedHook): Promise<HookResult> {
    return this.#guarded(place, async () => {
      for (let lists = 1; ; lists++) {
        const plan = await this.#look(place, wanted);
        if (this.#deps.dryRun) return (await this.#foreseen(place, plan)).result;
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
  async foresee(place: Place, wanted: WantedHook): Promise<Foreseen> {
    let losses: readonly SecretVariable[] = [];
    const result = await this.#guarded(place, async () => {
      const foreseen = await this.#foreseen(place, await this.#look(place, wanted));
      losses = foreseen.losses;
      return foreseen.result;
    });
    return { result, losses };
  }

  /** The same as `install` from hooks that were listed just now: for the group, whose hooks decide on more than themselves. */
  installListed(place: Place, wanted: WantedHook, present: readonly Hook[]): Promise<HookResult> {
    return this.#guarded(place, () => {
      const plan = this.#plan(wanted, present);
      return this.#deps.dryRun
        ? this.#foreseen(place, plan).then(({ result }) => result)
        : this.#carryOut(place, wanted, plan);
    });
  }

  planListed(wanted: WantedHook, present: readonly Hook[]): HookPlan {
    return this.#plan(wanted, present);
  }

  /** Writes a mark into the description of a hook and leaves everything else as it is. */
  async mark(place: Place, hook: Hook, change: Partial<Marker>): Promise<void> {
    const before = markerIn(hook["description"]);
    if (before === null || this.#deps.dryRun) return;
    const description = describe({ ...before, ...change }, hook["description"]);
    await this.#deps.hooks[place.level].edit(place.id, hook.id, { url: hook.url, description });
  }

  /** No hook of ours. */
  remove(place: Place): Promise<HookResult> {
    return this.#guarded(place, async () => {
      const api = this.#deps.hooks[place.level];
      const ours = (await api.list(place.id)).filter((hook) => isOurs(hook, this.#deps.relayUrl));
      if (!this.#deps.dryRun) for (const hook of ours) await api.remove(place.id, hook.id);
      const changes = ours.map((hook): Change => ({ attribute: "hook", from: hook.id, to: null }));
      return resultOf(place, ours.length === 0 ? "none" : "remove", { changes, hookId: ours[0]?.id ?? null });
    });
  }

  /** Hooks of ours in a place. Throws what the request throws. */
  async ours(place: Place): Promise<readonly Hook[]> {
    const present = await this.#deps.hooks[place.level].list(place.id);
    return present.filter((hook) => isOurs(hook, this.#deps.relayUrl));
  }

  /** The same; none where the place is gone or closed to this token. */
  async oursIfThere(place: Place): Promise<readonly Hook[]> {
    try {
      return await this.ours(place);
    } catch (error) {
      const absent =
        error instanceof UpstreamError && (error.code === "not-found" || error.code === "forbidden");
      if (!absent) throw error;
      return [];
    }
  }

  async #look(place: Place, wanted: WantedHook): Promise<HookPlan> {
    const plan = this.#plan(wanted, await this.#deps.hooks[place.level].list(place.id));
    if (plan.keep !== null) {
      this.#note(wanted, plan.keep, false);
      if (place.level === "project") this.#noteAge(plan.keep);
    }
    return plan;
  }

  #plan(wanted: WantedHook, present: readonly Hook[]): HookPlan {
    const { seen, dryRun, relayUrl } = this.#deps;
    return planHook(wanted, present, { signingIgnored: seen.signingIgnored, dryRun }, relayUrl);
  }

  #noteAge(found: Hook): void {
    const { seen } = this.#deps;
    const at = Date.parse(String(found["created_at"]));
    if (!Number.isNaN(at)) seen.youngestFound = Math.max(seen.youngestFound ?? at, at);
  }

  #note(wanted: WantedHook, hook: Hook, written: boolean): void {
    const { seen } = this.#deps;
    if (!("description" in hook)) seen.noDescriptions = true;
    if (wanted.signingToken === null || hook["signing_token_present"] === true) return;
    if (written || !("signing_token_present" in hook)) seen.signingIgnored = true;
  }

  async #create(place: Place, wanted: WantedHook): Promise<Hook> {
    const { budget, random } = this.#deps;
    const api = this.#deps.hooks[place.level];
    const body = bodyOf(wanted, { present: null, url: wanted.url, headers: true, marker: wanted.marker });
    for (let tries = 1; ; tries++) {
      try {
        const hook = await api.create(place.id, body);
        this.#note(wanted, hook, true);
        const { seen } = this.#deps;
        const at = Date.parse(String(hook["created_at"]));
        if (!Number.isNaN(at)) seen.firstCreated = Math.min(seen.firstCreated ?? at, at);
        return hook;
      } catch (error) {
        if (!(error instanceof UpstreamError) || !error.retryable) throw error;
        await budget.pause(backoffMs(tries, random));
        const arrived = (await api.list(place.id)).find((hook) => isOurs(hook, this.#deps.relayUrl));
        if (arrived) return arrived;
        if (tries >= ATTEMPTS) throw error;
      }
    }
  }

  /** Names of the custom headers that the hook has and that are not wanted. */
  async #strayHeaders(place: Place, wanted: WantedHook, hook: Hook): Promise<string[]> {
    const shown = await this.#deps.hooks[place.level].show(place.id, hook.id);
    const known = shown["custom_headers"];
    const names = Array.isArray(known) ? known.map((h: { key?: unknown }) => String(h.key)) : [];
    const kept = new Set(Object.keys(wanted.headers).map((name) => name.toLowerCase()));
    return names.filter((name) => !kept.has(name.toLowerCase()));
  }

  async #edit(place: Place, wanted: WantedHook, hook: Hook, plan: HookPlan): Promise<Hook> {
    const api = this.#deps.hooks[place.level];
    const { marker, url } = plan;
    const before = markerIn(hook["description"]);
    const urlChanges = plan.changes.some((c) => c.attribute === "url");
    if (urlChanges) await this.#refuseLossOfHeaders(place, wanted, hook);
    const namesMayDiffer = before?.headerNames !== marker.headerNames && "description" in hook;
    if (!urlChanges && wanted.managesHidden && namesMayDiffer) {
      // GitLab merges the headers that are sent into those that are there, so others have to be removed by name.
      for (const name of await this.#strayHeaders(place, wanted, hook)) {
        await api.removeHeader(place.id, hook.id, name);
      }
    }
    if (urlChanges && Object.keys(wanted.headers).length > 0) {
      // GitLab drops all custom headers when the URL changes, those of the same request included.
      await api.edit(place.id, hook.id, bodyOf(wanted, { present: hook, url, headers: false, marker: null }));
    }
    const body = bodyOf(wanted, { present: hook, url, headers: true, marker });
    const edited = await api.edit(place.id, hook.id, body);
    this.#note(wanted, edited, true);
    return edited;
  }

  /** Headers that somebody added to a hook of ours by hand are wiped with the address, and their values are known to nobody. */
  async #refuseLossOfHeaders(place: Place, wanted: WantedHook, hook: Hook): Promise<void> {
    if (wanted.removesSecrets || markerIn(hook["description"]) === null) return;
    const strays = await this.#strayHeaders(place, wanted, hook);
    if (strays.length > 0) throw new Loss(["HOOKS_CUSTOM_HEADERS"]);
  }

  /** Wakes a hook that GitLab disabled; returns the hook that works now, which may be a new one. */
  async #wake(place: Place, wanted: WantedHook, hook: Hook, plan: HookPlan): Promise<Hook> {
    const api = this.#deps.hooks[place.level];
    try {
      await api.test(place.id, hook.id, TEST_TRIGGER);
      return hook;
    } catch (error) {
      if (!(error instanceof UpstreamError) || !(await this.#cannotTest(place, hook, error))) throw error;
    }
    const { token, headers } = plan.lacking;
    if (token || headers) throw new Loss(variablesOf({ token, headers, signing: false }, hook));
    const fresh = await this.#create(place, wanted);
    await api.remove(place.id, hook.id);
    return fresh;
  }

  /** A test in an empty repository carries the push of a project that the hook's own key does not stand for. */
  async #cannotTest(place: Place, hook: Hook, error: UpstreamError): Promise<boolean> {
    if (error.code === "not-found") return true;
    if (error.code !== "invalid") return false;
    if (NO_TEST.test(error.message)) return true;
    return place.level === "project" && endsInOwnKey(hook) && (await this.#deps.isEmpty(Number(place.id)));
  }

  async #carryOut(place: Place, wanted: WantedHook, plan: HookPlan): Promise<HookResult> {
    if (plan.losses.length > 0) throw new Loss(plan.losses);
    if (plan.keep === null) {
      if (place.level === "project") await this.#deps.beforeCreate(place);
      const hook = await this.#create(place, wanted);
      return resultOf(place, "create", { hookId: hook.id });
    }
    let hook = plan.keep;
    let changes = [...plan.changes];
    const reasons: string[] = [];
    if (changes.length > 0) {
      hook = await this.#edit(place, wanted, hook, plan);
      const unkept = hook["signing_token_present"] === false && wanted.signingToken !== null;
      if (unkept) {
        changes = changes.filter((c) => c.attribute !== "signing_token_present");
        reasons.push("GitLab did not keep the signing token: its flag webhook_signing_token is off");
      }
    }
    if (plan.asleep !== null && !this.#deps.reenable)
      reasons.push(`GitLab has switched it off (${plan.asleep}); --reenable is off`);
    if (plan.asleep !== null && this.#deps.reenable) {
      try {
        const awake = await this.#wake(place, wanted, hook, plan);
        changes.push({ attribute: "alert_status", from: plan.asleep, to: "executable" });
        if (awake.id !== hook.id) reasons.push(`hook ${hook.id} could not be tested, so it was recreated`);
        hook = awake;
      } catch (error) {
        if (!(error instanceof UpstreamError) || endsTheRun(error)) throw error;
        const reason = asleepReason(plan.asleep, error);
        return resultOf(place, "fail", { changes, hookId: hook.id, reason });
      }
    }
    if (this.#deps.pruneDuplicates) {
      for (const duplicate of plan.duplicates)
        await this.#deps.hooks[place.level].remove(place.id, duplicate.id);
    }
    return this.#finished(place, plan, { changes, hookId: hook.id, reasons });
  }

  #finished(
    place: Place,
    plan: HookPlan,
    done: {
      readonly changes: readonly Change[];
      readonly hookId: number;
      readonly reasons: readonly string[];
    },
  ): HookResult {
    const { pruneDuplicates } = this.#deps;
    const removed = pruneDuplicates ? plan.duplicates : [];
    const left = pruneDuplicates ? 0 : plan.duplicates.length;
    const all = [
      ...done.changes,
      ...removed.map((d): Change => ({ attribute: "duplicate", from: d.id, to: null })),
    ];
    const notes =
      left === 0
        ? done.reasons
        : [...done.reasons, `${left} more of our hooks stay: --prune-duplicates is off`];
    const action = done.changes.length > 0 ? "update" : removed.length > 0 ? "remove" : "none";
    const reason = notes.length === 0 ? null : notes.join("; ");
    return resultOf(place, action, { changes: all, hookId: done.hookId, reason });
  }

  /** What `#carryOut` would do. */
  async #foreseen(place: Place, plan: HookPlan): Promise<Foreseen> {
    const { losses, unverified } = plan;
    if (unverified.length > 0) this.#deps.losses.addUnverified(unverified);
    if (losses.length > 0) this.#deps.losses.add(losses);
    if (plan.keep === null) {
      if (place.level === "project") await this.#deps.beforeCreate(place);
      return { result: resultOf(place, "create"), losses };
    }
    const wakes = plan.asleep !== null && this.#deps.reenable;
    const changes = wakes
      ? [...plan.changes, { attribute: "alert_status", from: plan.asleep, to: "executable" }]
      : plan.changes;
    return { result: this.#finished(place, plan, { changes, hookId: plan.keep.id, reasons: [] }), losses };
  }

  /** One project's trouble becomes its result; what concerns the whole run goes on upwards. */
  async #guarded(place: Place, work: () => Promise<HookResult>): Promise<HookResult> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof Loss) {
        this.#deps.losses.add(error.variables);
        return resultOf(place, "fail", { reason: error.message });
      }
      if (!(error instanceof UpstreamError) || endsTheRun(error)) throw error;
      if (error.code === "not-found" && place.level === "project") {
        return resultOf(place, "skip", {
          reason: "gone: deleted or moved out of the token's reach during the run",
        });
      }
      const mayBeBelow = error.code === "forbidden" && !/scope/i.test(error.message);
      if (mayBeBelow && place.level === "project" && (await this.#deps.isBelowMaintainer(Number(place.id)))) {
        return resultOf(place, "skip", { reason: BELOW_ROLE });
      }
      return resultOf(place, "fail", { reason: explain(error, place.level) });
    }
  }
}

function asleepReason(status: string, error: UpstreamError): string {
  const cure =
    error.code === "throttled"
      ? "GitLab allows five tests a minute and project; the next run tries again"
      : "a hook that GitLab switched off is woken by a test delivery that the relay answers with 2xx: see that GitLab reaches the relay and that the relay knows this secret; the next run tries again";
  return `the hook is ${status} and a test delivery did not wake it: ${error.message} (${cure})`;
}
