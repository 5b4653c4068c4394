/**
 * Wanted hook x present hooks -> what is to be done in one place. Pure: no request, no clock.
 *
 * A hook is ours by its URL (normalised) or by the marker in its description; the hooks of others are never looked at again.
 * Of several of ours the oldest healthy one stays. Compared is what the instance shows: an attribute that its version does not
 * know is no difference, or every run would write it again.
 */
import { shownUrl } from "../../lib/log.ts";
import { markerIn, normalisedUrl, type WantedHook } from "./desired.ts";
import type { Hook } from "../gitlab/types.ts";

export interface Change {
  readonly attribute: string;
  readonly from: string | boolean | number | null;
  readonly to: string | boolean | number | null;
}

export interface HookPlan {
  /** The hook of ours that stays; null: there is none. */
  readonly keep: Hook | null;
  /** Differences that a PUT cures. */
  readonly changes: readonly Change[];
  /** GitLab disabled or paused it: its `alert_status`. */
  readonly asleep: string | null;
  readonly duplicates: readonly Hook[];
}

export interface PlanOptions {
  /** The instance was seen to ignore signing tokens: their absence is no difference. */
  readonly signingIgnored: boolean;
}

/** Whether a hook belongs to the relay at this address; null as address: by the marker alone. */
export function isOurs(hook: Hook, relayUrl: string | null): boolean {
  if (markerIn(hook["description"]) !== null) return true;
  return relayUrl !== null && normalisedUrl(hook.url) === normalisedUrl(relayUrl);
}

export function healthy(hook: Hook): boolean {
  const status = hook["alert_status"];
  return status === undefined || status === null || status === "executable";
}

export function planHook(wanted: WantedHook, present: readonly Hook[], options: PlanOptions): HookPlan {
  const ours = present
    .filter((hook) => isOurs(hook, wanted.url))
    .sort((a, b) => Number(healthy(b)) - Number(healthy(a)) || a.id - b.id);
  const [keep, ...duplicates] = ours;
  if (keep === undefined) return { keep: null, changes: [], asleep: null, duplicates: [] };
  return {
    keep,
    changes: differences(wanted, keep, options),
    asleep: healthy(keep) ? null : String(keep["alert_status"]),
    duplicates,
  };
}

/** Every difference between the hook and what is wanted, as far as GitLab shows it. */
export function differences(wanted: WantedHook, hook: Hook, options: PlanOptions): Change[] {
  const changes: Change[] = [];
  if (!sameUrl(hook.url, wanted.url)) {
    changes.push({ attribute: "url", from: shownUrl(hook.url), to: shownUrl(wanted.url) });
  }
  for (const [attribute, to] of Object.entries(wanted.shown)) {
    if (!(attribute in hook)) continue;
    const from = hook[attribute];
    if ((from ?? neutral(to)) !== to) changes.push({ attribute, from: plain(from), to });
  }
  changes.push(...branchStrategy(wanted, hook), ...hiddenDifferences(wanted, hook, options));
  const template = hook["custom_webhook_template"];
  if (typeof template === "string" && template !== "") {
    changes.push({ attribute: "custom_webhook_template", from: "(a template)", to: null });
  }
  return changes;
}

/** What GitLab means by null: off, or nothing. */
function neutral(to: string | boolean): string | boolean {
  return typeof to === "boolean" ? false : "";
}

function plain(value: unknown): Change["from"] {
  return typeof value === "string" || typeof value === "boolean" || typeof value === "number" ? value : null;
}

function sameUrl(a: string, b: string): boolean {
  return a === b || (URL.canParse(a) && URL.canParse(b) && new URL(a).href === new URL(b).href);
}

/** Without a filter `all_branches` says the same as `wildcard`; `regex` reads our wildcard as something else. */
export function wantedStrategy(wanted: WantedHook, present: unknown): string | null {
  const filtered = wanted.shown["push_events_branch_filter"] !== "";
  const fits = present === "wildcard" || (!filtered && present === "all_branches");
  return fits ? null : "wildcard";
}

function branchStrategy(wanted: WantedHook, hook: Hook): Change[] {
  const from = hook["branch_filter_strategy"];
  if (typeof from !== "string") return [];
  const to = wantedStrategy(wanted, from);
  return to === null ? [] : [{ attribute: "branch_filter_strategy", from, to }];
}

function hiddenDifferences(wanted: WantedHook, hook: Hook, options: PlanOptions): Change[] {
  const changes: Change[] = [];
  if ("description" in hook) {
    const marker = markerIn(hook["description"]);
    const { fingerprint, headerNames } = wanted.marker;
    const differs = marker?.fingerprint !== fingerprint || marker.headerNames !== headerNames;
    if (marker === null || (wanted.managesHidden && differs)) {
      changes.push({ attribute: "secrets", from: marker?.fingerprint ?? null, to: fingerprint });
    }
  }
  if (wanted.token !== null && hook["token_present"] === false) {
    changes.push({ attribute: "token_present", from: false, to: true });
  }
  if (wanted.signingToken !== null && hook["signing_token_present"] === false && !options.signingIgnored) {
    changes.push({ attribute: "signing_token_present", from: false, to: true });
  }
  return changes;
}
