/**
 * Wanted hook x present hooks -> what is to be done in one place. Pure: no request, no clock.
 *
 * A hook is ours by its address or by the marker in its description; the hooks of others are never looked at again. Of several
 * of ours the oldest healthy one stays. Compared is what the instance shows: an attribute that its version does not know is no
 * difference, or every run would write it again. Nothing hidden is lost: where a write would take away what this run cannot
 * write back, the plan says so, and the caller does not carry it out.
 */
import { shownUrl } from "../../lib/log.ts";
import type { Hook } from "../gitlab/types.ts";
import {
  carriedBy,
  lackingFor,
  ownKey,
  variablesOf,
  type Carried,
  type Lacking,
  type SecretVariable,
} from "./carried.ts";
import { bareAddress, digestOfRelay, normalisedUrl, withHookKey } from "./address.ts";
import { markerIn, UNKNOWN_FINGERPRINT, type Marker, type WantedHook } from "./desired.ts";

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
  /** What a write sends as address: the present one, where a change of its form alone would cost a secret. */
  readonly url: string;
  /** What the PUT writes into the description. */
  readonly marker: Marker;
  /** What the hook carries and this run does not hold. */
  readonly lacking: Lacking;
  /** Variables without which the changes would take a secret from the hook; empty: they are safe. */
  readonly losses: readonly SecretVariable[];
  /** Variables without which it cannot be told whether what is hidden is right. */
  readonly unverified: readonly SecretVariable[];
  /** It has been at this relay before, and somebody has taken it to another one since. */
  readonly movesBack: boolean;
  /** It left events to a system hook, and is to send them itself now. */
  readonly leavesSystem?: boolean;
}

export interface PlanOptions {
  /** The instance was seen to ignore signing tokens: their absence is no difference. */
  readonly signingIgnored: boolean;
  /** A plan that is not carried out shows no change for a secret that this run merely does not know. @default false */
  readonly dryRun?: boolean;
}

/**
 * Whether a hook belongs to the relay at this address: it has the address, as it is or with the hook's own key behind it, or our
 * marker. Null as address: by the marker alone.
 */
export function isOurs(hook: Hook, relayUrl: string | null): boolean {
  if (markerIn(hook["description"]) !== null) return true;
  return relayUrl !== null && pointsTo(hook, relayUrl);
}

/** The same by the address alone. */
export function pointsTo(hook: Hook, relayUrl: string): boolean {
  const address = bareAddress(hook.url);
  if (address === null) return false;
  const keyed = bareAddress(withHookKey(relayUrl, ownKey(hook)));
  return address === bareAddress(relayUrl) || address === keyed;
}

export function healthy(hook: Hook): boolean {
  const status = hook["alert_status"];
  return status === undefined || status === null || status === "executable";
}

const LACKS_NOTHING: Lacking = { token: false, signing: false, headers: false };

/** @param relayUrl the relay's address without a hook's key; null: ours are known by their marker alone */
export function planHook(
  wanted: WantedHook,
  present: readonly Hook[],
  options: PlanOptions,
  relayUrl: string | null = wanted.url,
): HookPlan {
  const worth = (hook: Hook): number => {
    // Where the run has no secret to write, the hook that has one is worth more than one that GitLab has not switched off.
    const carries =
      wanted.token === null && !wanted.removesSecrets && carriedBy(hook, wanted.url).token === true;
    return 2 * Number(carries) + Number(healthy(hook));
  };
  const ours = present
    .filter((hook) => isOurs(hook, relayUrl))
    .sort((a, b) => worth(b) - worth(a) || a.id - b.id);
  const [keep, ...duplicates] = ours;
  if (keep === undefined) {
    return {
      keep: null,
      changes: [],
      asleep: null,
      duplicates: [],
      url: wanted.url,
      marker: wanted.marker,
      lacking: LACKS_NOTHING,
      losses: [],
      unverified: [],
      movesBack: false,
    };
  }
  const carried = carriedBy(keep, wanted.url);
  const lacking = lackingFor(wanted, carried);
  const address = addressPlan(wanted, keep, lacking);
  const unverified = variablesOf(lacking, keep);
  const unprovable =
    options.dryRun === true && unverified.length > 0 && markerIn(keep["description"]) !== null;
  const hidden = hiddenDifferences(wanted, keep, {
    carried,
    lacking,
    signingIgnored: options.signingIgnored,
  }).filter((change) => !unprovable || change.attribute !== "secrets");
  return {
    keep,
    changes: [...address.changes, ...shownDifferences(wanted, keep), ...hidden],
    asleep: healthy(keep) ? null : String(keep["alert_status"]),
    duplicates,
    url: address.url,
    marker: markerFor(wanted, keep, lacking),
    lacking,
    losses: address.losses,
    unverified,
    leavesSystem: markerIn(keep["description"])?.besideSystem === true && wanted.marker.besideSystem !== true,
    movesBack:
      isOfOtherRelay(wanted, keep) && markerIn(keep["description"])?.was === digestOfRelay(wanted.url),
  };
}

interface AddressPlan {
  readonly url: string;
  readonly changes: readonly Change[];
  readonly losses: readonly SecretVariable[];
}

/** A change of the address wipes token and headers, so one that is only of form waits for a run that has them. */
function addressPlan(wanted: WantedHook, hook: Hook, lacking: Lacking): AddressPlan {
  if (sameUrl(hook.url, wanted.url)) return { url: wanted.url, changes: [], losses: [] };
  const change: Change = { attribute: "url", from: shownUrl(hook.url), to: shownUrl(wanted.url) };
  if (!lacking.token && !lacking.headers) return { url: wanted.url, changes: [change], losses: [] };
  if (bareAddress(hook.url) === bareAddress(wanted.url)) return { url: hook.url, changes: [], losses: [] };
  // A key that only the master secret explains is no difference between the addresses, but a sign that the secret is missing.
  const keyAlone = pointsTo(hook, wanted.url);
  const losses = variablesOf({ ...lacking, signing: false }, hook);
  return { url: wanted.url, changes: keyAlone ? [] : [change], losses };
}

function isOfOtherRelay(wanted: WantedHook, hook: Hook): boolean {
  return hook.url !== wanted.url && normalisedUrl(hook.url) !== normalisedUrl(wanted.url);
}

/** The description never claims more than is known: what this run does not write keeps its mark. */
function markerFor(wanted: WantedHook, hook: Hook, lacking: Lacking): Marker {
  const before = markerIn(hook["description"]);
  const { marker } = wanted;
  const sample = marker.sample ?? before?.sample ?? null;
  const listed = marker.listed ?? before?.listed ?? null;
  const was = isOfOtherRelay(wanted, hook) ? digestOfRelay(hook.url) : (before?.was ?? null);
  if (!wanted.managesHidden && (lacking.token || lacking.signing || lacking.headers)) {
    const kept = before ?? { fingerprint: UNKNOWN_FINGERPRINT, headerNames: "" };
    const { moving, besideSystem } = marker;
    return { ...kept, moving, sample, listed, was, ...(besideSystem === true ? { besideSystem } : {}) };
  }
  return {
    ...marker,
    sample,
    listed,
    was,
    headerNames: lacking.headers ? (before?.headerNames ?? "") : marker.headerNames,
  };
}

function shownDifferences(wanted: WantedHook, hook: Hook): Change[] {
  const changes: Change[] = [];
  for (const [attribute, to] of Object.entries(wanted.shown)) {
    if (!(attribute in hook)) continue;
    const from = hook[attribute];
    if ((from ?? neutral(to)) !== to) changes.push({ attribute, from: plain(from), to });
  }
  changes.push(...branchStrategy(wanted, hook));
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

function hiddenDifferences(
  wanted: WantedHook,
  hook: Hook,
  known: { readonly carried: Carried; readonly lacking: Lacking; readonly signingIgnored: boolean },
): Change[] {
  const changes: Change[] = [];
  if ("description" in hook) {
    const marker = markerIn(hook["description"]);
    const { fingerprint, headerNames } = wanted.marker;
    const namesDiffer = marker?.headerNames !== headerNames && !known.lacking.headers;
    const differs = marker?.fingerprint !== fingerprint || namesDiffer;
    if (marker === null || (wanted.managesHidden && differs)) {
      changes.push({ attribute: "secrets", from: marker?.fingerprint ?? null, to: fingerprint });
    }
  }
  if (wanted.token !== null && hook["token_present"] === false) {
    changes.push({ attribute: "token_present", from: false, to: true });
  }
  if (wanted.signingToken !== null && hook["signing_token_present"] === false && !known.signingIgnored) {
    changes.push({ attribute: "signing_token_present", from: false, to: true });
  }
  if (wanted.removesSecrets && wanted.token === null && known.carried.token === true) {
    changes.push({ attribute: "token_present", from: true, to: false });
  }
  if (wanted.removesSecrets && wanted.signingToken === null && known.carried.signing === true) {
    changes.push({ attribute: "signing_token_present", from: true, to: false });
  }
  return changes;
}
