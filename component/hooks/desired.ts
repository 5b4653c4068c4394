/**
 * Configuration x place -> the hook that is wanted there. Pure.
 *
 * GitLab hides the secret token, the signing token and the values of custom headers, so a hook carries a fingerprint of them in
 * its description: `gitlab-hook-relay fp=<16 hex digits>`, and `hn=<8 hex digits>` for the names of its custom headers, where it
 * has any. Both stay the same as long as nothing hidden changes, so that a run that finds them right has nothing to write. On a
 * group's hook `at=<project id>` names the project whose hooks tell whether projects have hooks of ours beside the group's,
 * `moving` says that they may, and `of=<count>:<newest id>:<8 hex digits>` what the list of its projects looked like. On every hook
 * `was=<8 hex digits>` names the relay that it called before this one, and
 * `beside-system` says that it leaves events to a system hook.
 */
import { createHash } from "node:crypto";
import { subscribable } from "../../lib/events.ts";
import {
  createFingerprint,
  deriveSecretToken,
  deriveSigningToken,
  groupHookKey,
  projectHookKey,
  stretchKey,
  SYSTEM_HOOK_KEY,
  type StretchKey,
} from "../../lib/secrets.ts";
import { withHookKey } from "./address.ts";
import { eventFlag, systemFlag } from "../options/checks.ts";
import type { InstallerConfig } from "../options/config.ts";
import type { HookLevel, Level } from "../gitlab/types.ts";

const HOOK_NAME = "gitlab-hook-relay";

export interface WantedHook {
  readonly url: string;
  /** Attributes that GitLab shows, with the values that they are to have. */
  readonly shown: Readonly<Record<string, string | boolean>>;
  readonly token: string | null;
  readonly signingToken: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly marker: Marker;
  /** False: neither a secret nor a header is configured, so what is hidden is left as it is. */
  readonly managesHidden: boolean;
  /** What is hidden and not configured is taken away from hooks that have it. */
  readonly removesSecrets: boolean;
}

export interface Marker {
  readonly fingerprint: string;
  /** Digest of the names of the custom headers; empty if there are none. */
  readonly headerNames: string;
  /** Projects may have hooks of ours beside this one of the group, which have to go. */
  readonly moving: boolean;
  /** Of a group's hook: the project that is looked at in its stead for all; null: none was there. */
  readonly sample: number | null;
  /** Of a group's hook: the list of projects when all of them had been looked at; null: not known. */
  readonly listed: ListShape | null;
  /** Digest of the relay's address before the present one; null: there was none. */
  readonly was: string | null;
  /** It leaves events to a system hook of ours. */
  readonly besideSystem?: true;
}

/** What a group's list of projects looked like. */
export interface ListShape {
  /** Null: GitLab does not count (above 10,000). */
  readonly total: number | null;
  /** Highest id; 0: there was none. */
  readonly newest: number;
  /** Of all ids, where one page holds them; null: there are more. */
  readonly digest: string | null;
}

/** Of a hook about whose secrets nothing is known: equal to no fingerprint that anybody computes. */
export const UNKNOWN_FINGERPRINT = "0".repeat(16);

export type Desire = (level: HookLevel, id: number) => WantedHook;

const MARKER =
  /gitlab-hook-relay fp=([0-9a-f]{16})(?: hn=([0-9a-f]{8}))?(?: at=([1-9]\d{0,15}))?( moving)?(?: of=(\d{0,7}):(\d{1,15}):([0-9a-f]{8})?)?(?: was=([0-9a-f]{8}))?( beside-system)?/;
const LONGEST_DESCRIPTION = 2048;

/** The marker in a hook's description; null if there is none. */
export function markerIn(description: unknown): Marker | null {
  const match = typeof description === "string" ? MARKER.exec(description) : null;
  if (match === null) return null;
  return {
    fingerprint: match[1] as string,
    headerNames: match[2] ?? "",
    sample: match[3] === undefined ? null : Number(match[3]),
    moving: match[4] !== undefined,
    listed:
      match[6] === undefined
        ? null
        : {
            total: match[5] === "" ? null : Number(match[5]),
            newest: Number(match[6]),
            digest: match[7] ?? null,
          },
    was: match[8] ?? null,
    ...(match[9] === undefined ? {} : { besideSystem: true }),
  };
}

/** A description that carries the marker and keeps what somebody wrote beside it. */
export function describe(marker: Marker, present: unknown): string {
  const names = marker.headerNames === "" ? "" : ` hn=${marker.headerNames}`;
  const sample = marker.sample === null ? "" : ` at=${marker.sample}`;
  const { listed } = marker;
  const list = listed === null ? "" : ` of=${listed.total ?? ""}:${listed.newest}:${listed.digest ?? ""}`;
  const was = marker.was === null ? "" : ` was=${marker.was}`;
  const text = `gitlab-hook-relay fp=${marker.fingerprint}${names}${sample}${marker.moving ? " moving" : ""}${list}${was}${marker.besideSystem === true ? " beside-system" : ""}`;
  if (typeof present !== "string" || present.trim() === "") return text;
  if (MARKER.test(present)) return present.replace(MARKER, text);
  const joined = `${present.trim()} | ${text}`;
  return joined.length <= LONGEST_DESCRIPTION ? joined : text;
}

function digestOfNames(headers: Readonly<Record<string, string>>): string {
  const names = Object.keys(headers).sort();
  return names.length === 0
    ? ""
    : createHash("sha256").update(JSON.stringify(names)).digest("hex").slice(0, 8);
}

/** Flags of all events that a hook of this level can send. @param leftOut flags that another hook sends */
export function eventFlags(
  events: readonly string[],
  level: Level,
  leftOut: ReadonlySet<string> = new Set(),
): Record<string, boolean> {
  const wanted = new Set(events.map(eventFlag));
  const everything = events.includes("all");
  const isOn = (flag: string): boolean => (everything || wanted.has(flag)) && !leftOut.has(flag);
  return Object.fromEntries(subscribable(level).map(({ flag }) => [flag, isOn(flag)]));
}

/** Flags of a system hook: those of `--system-events` that `--events` asks for. No other hook has an event for repositories. */
export function systemFlags({
  events,
  systemEvents,
}: Pick<InstallerConfig, "events" | "systemEvents">): Record<string, boolean> {
  const asked = eventFlags(events, "project");
  const chosen = new Set(systemEvents.map(systemFlag));
  const isOn = (flag: string): boolean =>
    (systemEvents.includes("all") || chosen.has(flag)) &&
    (asked[flag] ?? (events.includes("all") || chosen.has(flag)));
  return Object.fromEntries(subscribable("system").map(({ flag }) => [flag, isOn(flag)]));
}

const KEYS: Readonly<Record<HookLevel, (id: number) => string>> = {
  project: projectHookKey,
  group: groupHookKey,
  instance: () => SYSTEM_HOOK_KEY,
};

/** Events that were asked for by name and that hooks of this level do not have. */
export function eventsWithout(events: readonly string[], level: Level): string[] {
  const flags = eventFlags(events, level);
  return events.filter((name) => name !== "all" && !((eventFlag(name) ?? "") in flags));
}

/** Prepares the wanted hooks of one run; the key of the fingerprints is stretched once, here. */
export function createDesire(
  config: InstallerConfig & {
    readonly url: string;
    readonly gitlabUrl: string;
    /** Flags that a system hook of ours sends. @default none */
    readonly leftToSystemHook?: readonly string[];
  },
  stretch: StretchKey = stretchKey,
): Desire {
  const { secretToken, signingToken, masterSecret } = config.secrets;
  const host = new URL(config.gitlabUrl).host;
  const headers = config.customHeaders;
  const headerLines = Object.entries(headers).sort(([a], [b]) => (a < b ? -1 : 1));
  const headerNames = digestOfNames(headers);
  const hidden = masterSecret === null ? [secretToken, signingToken] : [masterSecret];
  const fingerprint = createFingerprint(
    [...hidden.map((s) => s ?? ""), JSON.stringify(headerLines)],
    stretch,
  );
  const { removeSecrets } = config;
  const managesHidden = hidden.some((s) => s !== null) || headerLines.length > 0 || removeSecrets;

  const leftOut = new Set(config.leftToSystemHook);
  const flags = {
    project: eventFlags(config.events, "project", leftOut),
    group: eventFlags(config.events, "group", leftOut),
    instance: systemFlags(config),
  };

  /** Without a master secret all hooks of a level are the same, and a group may have ten thousand projects. */
  const shared = new Map<HookLevel, WantedHook>();

  return function desiredHook(level, id) {
    if (masterSecret !== null) return hookFor(level, id);
    const known = shared.get(level) ?? hookFor(level, id);
    shared.set(level, known);
    return known;
  };

  function hookFor(level: HookLevel, id: number): WantedHook {
    const key = KEYS[level](id);
    const url = masterSecret === null ? config.url : withHookKey(config.url, key);
    const token = masterSecret === null ? secretToken : deriveSecretToken(masterSecret, host, key);
    const signing = masterSecret === null ? signingToken : deriveSigningToken(masterSecret, host, key);
    return {
      url,
      shown: {
        name: HOOK_NAME,
        ...flags[level],
        enable_ssl_verification: config.enableSslVerification,
        push_events_branch_filter: config.pushEventsBranchFilter,
      },
      token,
      signingToken: signing,
      headers,
      marker: {
        fingerprint: fingerprint([url, token ?? "", signing ?? "", JSON.stringify(headerLines)]),
        headerNames,
        moving: false,
        sample: null,
        listed: null,
        was: null,
        ...(level !== "instance" && leftOut.size > 0 ? { besideSystem: true } : {}),
      },
      managesHidden,
      removesSecrets: removeSecrets,
    };
  }
}
