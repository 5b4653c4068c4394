/**
 * One webhook as the simulated database holds it. A quarter of a million of them must fit into memory, hence the flags as bits
 * and no collection before something is in it.
 */
import { EVENTS } from "../../lib/events.ts";
import type { LogRow, SyntheticLog } from "./events-log.ts";

export type HookLevel = "project" | "group" | "system";
export type BranchFilterStrategy = "wildcard" | "regex" | "all_branches";

/** All hook flags, in the order of the table of events. */
export const HOOK_FLAGS: readonly string[] = [
  ...new Set(EVENTS.map((row) => row.flag).filter((flag): flag is string => flag !== null)),
];

export interface Hook {
  readonly id: number;
  readonly level: HookLevel;
  /** Project or group; 0 for a system hook. */
  readonly parentId: number;
  readonly createdAt: number;
  updatedAt: number;
  url: string;
  name: string | null;
  description: string | null;
  /** Bit n: flag n of HOOK_FLAGS. */
  flagBits: number;
  /** `confidential_note_events` was never set: shown as null. */
  confidentialNotesUnset: boolean;
  sslVerification: boolean;
  token: string | null;
  signingToken: string | null;
  branchFilter: string | null;
  branchFilterStrategy: BranchFilterStrategy;
  template: string | null;
  urlVariables: Map<string, string> | null;
  customHeaders: Map<string, string> | null;
  recentFailures: number;
  /** Wall clock, milliseconds; null: not paused. */
  disabledUntil: number | null;
  /** Failed in the way that versions before 17.11 never forgive. */
  failedForGood: boolean;
  /** Oldest first. */
  log: LogRow[] | null;
  syntheticLog: SyntheticLog | null;
}

/** A hook with GitLab's defaults: push events on, all others off, TLS verified. */
export function newHook(id: number, level: HookLevel, parentId: number, url: string, now: number): Hook {
  return {
    id,
    level,
    parentId,
    createdAt: now,
    updatedAt: now,
    url,
    name: null,
    description: null,
    flagBits: flagBit("push_events"),
    confidentialNotesUnset: true,
    sslVerification: true,
    token: null,
    signingToken: null,
    branchFilter: null,
    branchFilterStrategy: "wildcard",
    template: null,
    urlVariables: null,
    customHeaders: null,
    recentFailures: 0,
    disabledUntil: null,
    failedForGood: false,
    log: null,
    syntheticLog: null,
  };
}

const BITS: ReadonlyMap<string, number> = new Map(HOOK_FLAGS.map((flag, index) => [flag, 1 << index]));

function flagBit(flag: string): number {
  const bit = BITS.get(flag);
  if (bit === undefined) throw new TypeError(`Unknown hook flag "${flag}"`);
  return bit;
}

export function hasFlag(hook: Hook, flag: string): boolean {
  return (hook.flagBits & flagBit(flag)) !== 0;
}

/** Sets one flag. Throws TypeError for a name that the table of events does not have. */
export function setFlag(hook: Hook, flag: string, value: boolean): void {
  if (value) hook.flagBits |= flagBit(flag);
  else hook.flagBits &= ~flagBit(flag);
  if (flag === "confidential_note_events") hook.confidentialNotesUnset = false;
}

const VARIABLE = /\{([A-Za-z]+[0-9]*(?:[._-][A-Za-z0-9]+)*)\}/g;

/** The URL that is really called; null where a variable has no value. */
export function interpolate(url: string, variables: ReadonlyMap<string, string> | null): string | null {
  let missing = false;
  const result = url.replace(VARIABLE, (whole, name: string) => {
    const value = variables?.get(name);
    if (value === undefined) missing = true;
    return value ?? whole;
  });
  return missing ? null : result;
}
