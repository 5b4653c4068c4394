/**
 * The writes in one place: a hook is created, put right, or woken. Whatever happens half-way, the next run ends right: a POST whose
 * answer was lost is looked for before it is sent again, what takes headers away comes before what writes them, and a hook that has
 * to be replaced goes after its successor is there. A write that would take a secret which this run cannot write back is not made.
 */
import { UpstreamError } from "../../lib/errors.ts";
import type { Budget } from "../../lib/gitlab/budget.ts";
import { ATTEMPTS, backoffMs } from "../../lib/gitlab/sender.ts";
import type { HookApi } from "../gitlab/hook-api.ts";
import type { Hook, HookLevel, HookPlace } from "../gitlab/types.ts";
import { bodyOf } from "./body.ts";
import { endsInOwnKey, variablesOf } from "./carried.ts";
import { markerIn, type WantedHook } from "./desired.ts";
import { Loss } from "./losses.ts";
import { isOurs, type HookPlan } from "./plan.ts";
import type { Seen } from "./seen.ts";

export interface HookWriterDeps {
  readonly hooks: Readonly<Record<HookLevel, HookApi>>;
  readonly budget: Pick<Budget, "pause">;
  readonly random: () => number;
  readonly seen: Seen;
  /** The relay's address; null: ours are known by their marker alone. */
  readonly relayUrl: string | null;
  /** Whether a project's repository is empty: GitLab tests its hooks with the push of another project. */
  readonly isEmpty: (projectId: number) => Promise<boolean>;
}

/** The hook of ours that a plan keeps, and what it is to become. */
export interface Kept {
  readonly place: HookPlace;
  readonly wanted: WantedHook;
  readonly hook: Hook;
  readonly plan: HookPlan;
}

/** Triggers of test deliveries: pushes are what nearly every project has. */
const TEST_TRIGGER = "push_events";
const NO_TEST =
  /^[^:]*: (4\d\d )?.*(ensure |testing not available|no test data|does not have a valid value)/i;

/** Every method throws UpstreamError or RunStopped; those that may cost a secret throw Loss instead of writing. */
export class HookWriter {
  readonly #deps: HookWriterDeps;

  constructor(deps: HookWriterDeps) {
    this.#deps = deps;
  }

  async create(place: HookPlace, wanted: WantedHook): Promise<Hook> {
    const { budget, random } = this.#deps;
    const api = this.#deps.hooks[place.level];
    const body = bodyOf(wanted, { present: null, url: wanted.url, headers: true, marker: wanted.marker });
    for (let tries = 1; ; tries++) {
      try {
        const hook = await api.create(place.id, body);
        this.#deps.seen.created(wanted, hook);
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

  /** @returns the hook as GitLab shows it afterwards */
  async edit({ place, wanted, hook, plan }: Kept): Promise<Hook> {
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
    this.#deps.seen.wrote(wanted, edited);
    return edited;
  }

  /** Wakes a hook that GitLab disabled; returns the hook that works now, which may be a new one. */
  async wake({ place, wanted, hook, plan }: Kept): Promise<Hook> {
    const api = this.#deps.hooks[place.level];
    try {
      await api.test(place.id, hook.id, TEST_TRIGGER);
      return hook;
    } catch (error) {
      if (!(error instanceof UpstreamError) || !(await this.#cannotTest(place, hook, error))) throw error;
    }
    const { token, headers } = plan.lacking;
    if (token || headers) throw new Loss(variablesOf({ token, headers, signing: false }, hook));
    const fresh = await this.create(place, wanted);
    await api.remove(place.id, hook.id);
    return fresh;
  }

  /** Names of the custom headers that the hook has and that are not wanted. */
  async #strayHeaders(place: HookPlace, wanted: WantedHook, hook: Hook): Promise<string[]> {
    const shown = await this.#deps.hooks[place.level].show(place.id, hook.id);
    const known = shown["custom_headers"];
    const names = Array.isArray(known) ? known.map((h: { key?: unknown }) => String(h.key)) : [];
    const kept = new Set(Object.keys(wanted.headers).map((name) => name.toLowerCase()));
    return names.filter((name) => !kept.has(name.toLowerCase()));
  }

  /** Headers that somebody added to a hook of ours by hand are wiped with the address, and no one knows their values. */
  async #refuseLossOfHeaders(place: HookPlace, wanted: WantedHook, hook: Hook): Promise<void> {
    if (wanted.removesSecrets || markerIn(hook["description"]) === null) return;
    const strays = await this.#strayHeaders(place, wanted, hook);
    if (strays.length > 0) throw new Loss(["HOOKS_CUSTOM_HEADERS"]);
  }

  /** A test in an empty repository carries the push of a project that the hook's own key does not stand for. */
  async #cannotTest(place: HookPlace, hook: Hook, error: UpstreamError): Promise<boolean> {
    if (error.code === "not-found") return true;
    if (error.code !== "invalid") return false;
    if (NO_TEST.test(error.message)) return true;
    return place.level === "project" && endsInOwnKey(hook) && (await this.#deps.isEmpty(Number(place.id)));
  }
}
