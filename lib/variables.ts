/**
 * Every environment variable that either program reads, so that a misspelt one is told from one of the other program: the relay
 * and the installer often run from the same settings. The names stand here as plain lists because neither program may import
 * the other; a test compares them with the tables that the programs read.
 */
import { closestMatch } from "leven";
import type { Env } from "./env.ts";

/** Of these prefixes every name is ours; a variable of another prefix belongs to somebody else. */
const OWN_PREFIX = /^(RELAY_|GITLAB_WEBHOOK_|HOOKS_)/;

export const RELAY_VARIABLES: readonly string[] = [
  "GITLAB_WEBHOOK_MASTER_SECRET",
  "GITLAB_WEBHOOK_SECRET",
  "GITLAB_WEBHOOK_SIGNING_TOKEN",
  "RELAY_ADMIN_TOKEN",
  "RELAY_CONFIG",
  "RELAY_DATA_DIR",
  "RELAY_TARGET_URL",
  // Read by the commands that the dashboard shows, not by the relay.
  "RELAY_URL",
];

export const INSTALLER_VARIABLES: readonly string[] = [
  "GITLAB_WEBHOOK_MASTER_SECRET",
  "GITLAB_WEBHOOK_SECRET",
  "GITLAB_WEBHOOK_SIGNING_TOKEN",
  "HOOKS_ACTIVE",
  "HOOKS_ALLOW_EMPTY",
  "HOOKS_CHUNK_SIZE",
  "HOOKS_CONCURRENCY",
  "HOOKS_CRON",
  "HOOKS_CRON_TIMEZONE",
  "HOOKS_CUSTOM_HEADERS",
  "HOOKS_DESCRIPTION",
  "HOOKS_DRY_RUN",
  "HOOKS_ENABLE_SSL_VERIFICATION",
  "HOOKS_EVENTS",
  "HOOKS_EXCLUDE",
  "HOOKS_FAIL_ON_DRIFT",
  "HOOKS_GITLAB_TOKEN",
  "HOOKS_GITLAB_URL",
  "HOOKS_GROUP",
  "HOOKS_INCLUDE",
  "HOOKS_INPUTS",
  "HOOKS_LEVEL",
  "HOOKS_MAX_REQUESTS",
  "HOOKS_MODE",
  "HOOKS_OUTPUT",
  "HOOKS_PROJECT",
  "HOOKS_PROJECTS",
  "HOOKS_PRUNE_DUPLICATES",
  "HOOKS_PUSH_EVENTS_BRANCH_FILTER",
  "HOOKS_REENABLE",
  "HOOKS_REF",
  "HOOKS_REMOVE_SECRETS",
  "HOOKS_REPORT_DIR",
  "HOOKS_SINCE",
  "HOOKS_UNTIL",
  "HOOKS_STATE_FILE",
  "HOOKS_SYSTEM_EVENTS",
  "HOOKS_TIME_LIMIT",
  "HOOKS_TOPICS",
  "HOOKS_URL",
  "HOOKS_VARIABLES",
  "HOOKS_VISIBILITY",
  // Of the components' jobs.
  "HOOKS_AS",
  "HOOKS_DRY_RUN_ON_MERGE_REQUESTS",
  "HOOKS_GITLAB_READ_TOKEN",
];

/** What the reports of an earlier job hand on to later ones (dotenv). */
const RESULT_PREFIX = /^HOOKS_(RESULT|RECOVERY)_/;

export interface UnknownVariable {
  readonly name: string;
  /** The known name that is nearest to it. */
  readonly nearest: string;
}

/** Variables that are set, carry a prefix of ours and are known to neither program; in the order of their names. */
export function unknownVariables(env: Env): UnknownVariable[] {
  const known = new Set([...RELAY_VARIABLES, ...INSTALLER_VARIABLES]);
  const isKnown = (name: string): boolean => known.has(name) || known.has(name.replace(/_FILE$/, ""));
  return Object.keys(env)
    .filter((name) => OWN_PREFIX.test(name) && (env[name] ?? "") !== "")
    .filter((name) => !isKnown(name) && !RESULT_PREFIX.test(name))
    .sort()
    .map((name) => ({ name, nearest: nearestVariable(name, [...known]) }));
}

/** Names of the same prefix come first, then those that hold every word of the unknown one: HOOKS_TOKEN is HOOKS_GITLAB_TOKEN. */
function nearestVariable(name: string, known: readonly string[]): string {
  const prefix = OWN_PREFIX.exec(name)?.[0] ?? "";
  const isFile = name.endsWith("_FILE");
  const plain = isFile ? name.slice(0, -"_FILE".length) : name;
  const akin = known.filter((other) => other.startsWith(prefix));
  const close = closestMatch(plain, akin, { maxDistance: Math.max(2, Math.floor(plain.length / 6)) });
  const words = plain.slice(prefix.length).split("_");
  const wordy = akin.filter((other) => words.every((word) => other.split("_").includes(word)));
  const nearest = close ?? closestMatch(plain, wordy) ?? closestMatch(plain, akin) ?? plain;
  return isFile ? `${nearest}_FILE` : nearest;
}
