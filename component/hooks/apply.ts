/**
 * Makes one place right: lists its hooks, plans, writes, and says what became of it. It never throws for one project; it does
 * throw RunStopped when the run has to end for all, and UpstreamError "unauthorized" when no token is left.
 *
 * Whatever happens half-way, the next run ends right: a hook is only called up to date by the fingerprint that its last write
 * carries, a POST whose answer was lost is looked for before it is sent again, and what is too much is removed last.
 */
import { UpstreamError } from "../../lib/errors.ts";
import { describe, markerIn, type Marker, type WantedHook } from "./desired.ts";
import { explain } from "./explain.ts";
import type { Budget } from "../../lib/gitlab/budget.ts";
import type { HookApi } from "../gitlab/client.ts";
import { ATTEMPTS, backoffMs } from "../../lib/gitlab/sender.ts";
import type { Hook, HookBody, Level, Place } from "../gitlab/types.ts";
import { isOurs, planHook, wantedStrategy, type Change, type HookPlan } from "./plan.ts";
import { resultOf, type Result } from "./result.ts";

/** What a run learns about the instance while it works, for the report. */
export interface Seen {
  /** Signing tokens were sent and not kept, or the instance does not know them. */
  signingIgnored: boolean;
  /** Hooks show no description, so nothing hidden can be compared. */
  noDescriptions: boolean;
}

export interface ApplyDeps {
  readonly hooks: Readonly<Record<Level, HookApi>>;
  readonly budget: Budget;
  readonly random: () => number;
  readonly seen: Seen;
  /** The relay's address; null: ours are known by their marker alone. */
  readonly relayUrl: string | null;
  readonly dryRun: boolean;
  readonly pruneDuplicates: boolean;
  readonly reenable: boolean;
}

export interface Apply {
  /** Exactly one healthy hook of ours, as wanted. */
  install(place: Place, wanted: WantedHook): Promise<Result>;
  /**
   * The same on a group. `moving`: hooks of its projects may still be there; the hook's marker says so until `arrived`, so that
   * a run that ends in between is followed by one that knows.
   */
  installGroup(
    place: Place,
    wanted: WantedHook,
  ): Promise<{ readonly result: Result; readonly moving: boolean }>;
  /** Writes into the group hook that no project has one of ours any more. */
  arrived(place: Place, wanted: WantedHook): Promise<Result>;
  /** No hook of ours. */
  remove(place: Place): Promise<Result>;
}

/** Triggers of test deliveries: pushes are what nearly every project has. */
const TEST_TRIGGER = "push_events";
const NO_TEST =
  /^[^:]*: (4\d\d )?.*(ensure |testing not available|no test data|does not have a valid value)/i;

export function createApply(deps: ApplyDeps): Apply {
  const { budget, random, seen } = deps;

  function note(wanted: WantedHook, hook: Hook, written: boolean): void {
    if (!("description" in hook)) seen.noDescriptions = true;
    if (wanted.signingToken === null || hook["signing_token_present"] === true) return;
    if (written || !("signing_token_present" in hook)) seen.signingIgnored = true;
  }

  async function create(place: Place, wanted: WantedHook): Promise<Hook> {
    const api = deps.hooks[place.level];
    const body = bodyOf(wanted, null, { headers: true, marker: wanted.marker });
    for (let tries = 1; ; tries++) {
      try {
        const hook = await api.create(place.id, body);
        note(wanted, hook, true);
        return hook;
      } catch (error) {
        if (!(error instanceof UpstreamError) || !error.retryable) throw error;
        await budget.pause(backoffMs(tries, random));
        const arrived = (await api.list(place.id)).find((hook) => isOurs(hook, wanted.url));
        if (arrived) return arrived;
        if (tries >= ATTEMPTS) throw error;
      }
    }
  }

  /** Custom headers that are set and not wanted. GitLab merges, so they have to be removed by name. */
  async function removeStrayHeaders(place: Place, wanted: WantedHook, hook: Hook): Promise<void> {
    const api = deps.hooks[place.level];
    const known = (await api.show(place.id, hook.id))["custom_headers"];
    const names = Array.isArray(known) ? known.map((h: { key?: unknown }) => String(h.key)) : [];
    const kept = new Set(Object.keys(wanted.headers).map((name) => name.toLowerCase()));
    for (const name of names) {
      if (!kept.has(name.toLowerCase())) await api.removeHeader(place.id, hook.id, name);
    }
  }

  async function edit(place: Place, wanted: WantedHook, hook: Hook, plan: HookPlan): Promise<Hook> {
    const api = deps.hooks[place.level];
    const { marker } = wanted;
    const before = markerIn(hook["description"]);
    const urlChanges = plan.changes.some((c) => c.attribute === "url");
    const namesMayDiffer = before?.headerNames !== marker.headerNames && "description" in hook;
    if (!urlChanges && wanted.managesHidden && namesMayDiffer) await removeStrayHeaders(place, wanted, hook);
    let edited: Hook;
    if (urlChanges && Object.keys(wanted.headers).length > 0) {
      // GitLab drops all custom headers when the URL changes, those of the same request included.
      await api.edit(place.id, hook.id, bodyOf(wanted, hook, { headers: false, marker: null }));
      edited = await api.edit(place.id, hook.id, bodyOf(wanted, hook, { headers: true, marker }));
    } else {
      edited = await api.edit(place.id, hook.id, bodyOf(wanted, hook, { headers: true, marker }));
    }
    note(wanted, edited, true);
    return edited;
  }

  /** Wakes a hook that GitLab disabled; returns the hook that works now, which may be a new one. */
  async function wake(place: Place, wanted: WantedHook, hook: Hook): Promise<Hook> {
    const api = deps.hooks[place.level];
    try {
      await api.test(place.id, hook.id, TEST_TRIGGER);
      return hook;
    } catch (error) {
      if (!(error instanceof UpstreamError) || !cannotTest(error)) throw error;
    }
    const fresh = await create(place, wanted);
    await api.remove(place.id, hook.id);
    return fresh;
  }

  async function carryOut(place: Place, wanted: WantedHook, plan: HookPlan): Promise<Result> {
    const api = deps.hooks[place.level];
    if (plan.keep === null) {
      const hook = await create(place, wanted);
      return resultOf(place, "create", { hookId: hook.id });
    }
    let hook = plan.keep;
    let changes = [...plan.changes];
    const reasons: string[] = [];
    if (changes.length > 0) {
      hook = await edit(place, wanted, hook, plan);
      const unkept = hook["signing_token_present"] === false && wanted.signingToken !== null;
      if (unkept) {
        changes = changes.filter((c) => c.attribute !== "signing_token_present");
        reasons.push("GitLab did not keep the signing token: its flag webhook_signing_token is off");
      }
    }
    if (plan.asleep !== null && !deps.reenable)
      reasons.push(`GitLab has switched it off (${plan.asleep}); --reenable is off`);
    if (plan.asleep !== null && deps.reenable) {
      try {
        const awake = await wake(place, wanted, hook);
        changes.push({ attribute: "alert_status", from: plan.asleep, to: "executable" });
        if (awake.id !== hook.id) reasons.push(`hook ${hook.id} could not be tested, so it was recreated`);
        hook = awake;
      } catch (error) {
        if (!(error instanceof UpstreamError) || error.code === "unauthorized") throw error;
        return resultOf(place, "fail", {
          changes,
          hookId: hook.id,
          reason: asleepReason(plan.asleep, error),
        });
      }
    }
    for (const duplicate of deps.pruneDuplicates ? plan.duplicates : [])
      await api.remove(place.id, duplicate.id);
    return finished(place, plan, changes, hook.id, reasons);
  }

  function finished(
    place: Place,
    plan: HookPlan,
    changes: readonly Change[],
    hookId: number,
    reasons: readonly string[],
  ): Result {
    const removed = deps.pruneDuplicates ? plan.duplicates : [];
    const left = deps.pruneDuplicates ? 0 : plan.duplicates.length;
    const all = [
      ...changes,
      ...removed.map((d): Change => ({ attribute: "duplicate", from: d.id, to: null })),
    ];
    const notes =
      left === 0 ? reasons : [...reasons, `${left} more of our hooks stay: --prune-duplicates is off`];
    const action = changes.length > 0 ? "update" : removed.length > 0 ? "remove" : "none";
    return resultOf(place, action, {
      changes: all,
      hookId,
      reason: notes.length === 0 ? null : notes.join("; "),
    });
  }

  /** What `carryOut` would do. */
  function foresee(place: Place, plan: HookPlan): Result {
    if (plan.keep === null) return resultOf(place, "create");
    const wakes = plan.asleep !== null && deps.reenable;
    const changes = wakes
      ? [...plan.changes, { attribute: "alert_status", from: plan.asleep, to: "executable" }]
      : plan.changes;
    return finished(place, plan, changes, plan.keep.id, []);
  }

  async function settle(
    place: Place,
    plain: WantedHook,
    keepMoving: boolean,
  ): Promise<{ result: Result; moving: boolean }> {
    for (let lists = 1; ; lists++) {
      const present = await deps.hooks[place.level].list(place.id);
      const plan = planHook(plain, present, seen);
      if (plan.keep !== null) note(plain, plan.keep, false);
      const moving = keepMoving && isMoving(plan);
      const wanted = { ...plain, marker: { ...plain.marker, moving } };
      if (deps.dryRun) return { result: foresee(place, plan), moving };
      try {
        return { result: await carryOut(place, wanted, plan), moving };
      } catch (error) {
        // The hook went away between list and write: what is there now decides.
        const vanished = error instanceof UpstreamError && error.code === "not-found";
        if (!vanished || lists >= ATTEMPTS) throw error;
      }
    }
  }

  return {
    install: (place, wanted) => guarded(place, async () => (await settle(place, wanted, false)).result),
    async installGroup(place, wanted) {
      let moving = false;
      const result = await guarded(place, async () => {
        const settled = await settle(place, wanted, true);
        moving = settled.moving;
        return settled.result;
      });
      return { result, moving };
    },
    arrived: (place, wanted) =>
      guarded(place, async () => {
        const hook = planHook(wanted, await deps.hooks[place.level].list(place.id), seen).keep;
        if (hook === null || markerIn(hook["description"])?.moving !== true) return resultOf(place, "none");
        const body = bodyOf(wanted, hook, { headers: true, marker: wanted.marker });
        return resultOf(place, "update", {
          hookId: (await deps.hooks[place.level].edit(place.id, hook.id, body)).id,
        });
      }),
    remove: (place) =>
      guarded(place, async () => {
        const api = deps.hooks[place.level];
        const ours = (await api.list(place.id)).filter((hook) => isOurs(hook, deps.relayUrl));
        if (!deps.dryRun) for (const hook of ours) await api.remove(place.id, hook.id);
        const changes = ours.map((hook): Change => ({ attribute: "hook", from: hook.id, to: null }));
        return resultOf(place, ours.length === 0 ? "none" : "remove", {
          changes,
          hookId: ours[0]?.id ?? null,
        });
      }),
  };
}

/** A group hook that was not ours alone before, or whose move was interrupted. */
function isMoving(plan: HookPlan): boolean {
  if (plan.keep === null) return true;
  if (!("description" in plan.keep)) return false;
  return markerIn(plan.keep["description"])?.moving ?? true;
}

/** One project's trouble becomes its result; what concerns the whole run goes on upwards. */
async function guarded(place: Place, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UpstreamError) || error.code === "unauthorized") throw error;
    if (error.code === "not-found" && place.level === "project") {
      return resultOf(place, "skip", {
        reason: "gone: deleted or moved out of the token's reach during the run",
      });
    }
    return resultOf(place, "fail", { reason: explain(error, place.level) });
  }
}

function cannotTest(error: UpstreamError): boolean {
  if (error.code === "not-found") return true;
  return error.code === "invalid" && NO_TEST.test(error.message);
}

function asleepReason(status: string, error: UpstreamError): string {
  const cure =
    error.code === "throttled"
      ? "GitLab allows five tests a minute and project; the next run tries again"
      : "a hook that GitLab switched off is woken by a test delivery that the relay answers with 2xx: see that GitLab reaches the relay and that the relay knows this secret; the next run tries again";
  return `the hook is ${status} and a test delivery did not wake it: ${error.message} (${cure})`;
}

/** The complete hook, so that no attribute falls to a default. @param present the hook that is changed; null: a new one */
function bodyOf(
  wanted: WantedHook,
  present: Hook | null,
  parts: { readonly headers: boolean; readonly marker: Marker | null },
): HookBody {
  const headers = Object.entries(wanted.headers).map(([key, value]) => ({ key, value }));
  const strategy = present === null ? "wildcard" : wantedStrategy(wanted, present["branch_filter_strategy"]);
  const clearsToken = wanted.token === null && wanted.managesHidden && present?.["token_present"] === true;
  return {
    url: wanted.url,
    ...wanted.shown,
    ...(wanted.token === null ? {} : { token: wanted.token }),
    ...(clearsToken ? { token: "" } : {}),
    ...(wanted.signingToken === null ? {} : { signing_token: wanted.signingToken }),
    ...(strategy === null ? {} : { branch_filter_strategy: strategy }),
    ...(present?.["custom_webhook_template"] ? { custom_webhook_template: "" } : {}),
    ...(parts.headers && headers.length > 0 ? { custom_headers: headers } : {}),
    ...(parts.marker === null ? {} : { description: describe(parts.marker, present?.["description"]) }),
  };
}
