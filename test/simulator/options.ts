/** What can be asked of a simulator: version, tier, limits, time. Plain values, so that they also fit into one JSON argument. */
import type { Clock } from "../../lib/clock.ts";

/** `ce`: the Community Edition, whose API has no group hooks at all; the others are licence tiers. */
export type Tier = "ce" | "free" | "premium" | "ultimate";

export interface Budget {
  /** Requests that one user may make in `periodMinutes`. */
  readonly requests: number;
  /** @default 1 */
  readonly periodMinutes?: number;
}

export interface EndpointLimits {
  /** `GET /groups/:id/projects`, a minute and user. */
  readonly groupProjects: number;
  readonly groups: number;
  readonly group: number;
  /** `GET /projects`, in ten minutes. */
  readonly projects: number;
  readonly project: number;
  /** A minute, project (or group) and user. */
  readonly hookTest: number;
  readonly hookResend: number;
}

/** What may stand between a client and GitLab and refuse on its own. */
export type Blocker = "rack-attack" | "waf" | "cloudflare" | "sign-in";

export interface SimulatorOptions {
  /** Port to listen on. @default 0: a free one */
  readonly port?: number;
  /** @default "127.0.0.1" */
  readonly host?: string;
  /** @default "19.0.0" */
  readonly version?: string;
  /** @default "premium" */
  readonly tier?: Tier;
  /** What group hooks are answered with on an instance of the Enterprise Edition whose licence has lapsed. @default 403 */
  readonly unlicensedStatus?: 403 | 404;
  /** Flag behind signing tokens; without it they are ignored silently. @default true */
  readonly signingTokens?: boolean;
  /** Ops flag behind the switching off of failing hooks: off on self-managed, on at GitLab.com. @default false */
  readonly autoDisable?: boolean;
  /** General limit per user. @default null: none, as on self-managed */
  readonly budget?: Budget | null;
  /** Other limits for single users, by user name; null lifts it. */
  readonly userBudgets?: Readonly<Record<string, Budget | null>>;
  /** Limit for requests without a valid token. @default null */
  readonly anonymousBudget?: Budget | null;
  /** Old versions name the budget only where it is used up. @default "always" */
  readonly budgetHeaders?: "always" | "on-429";
  /** Limits that belong to one endpoint and never show in headers; false: none. @default GitLab's */
  readonly endpointLimits?: Partial<EndpointLimits> | false;
  /** Length of the minute of all limits, milliseconds of `clock`; whole seconds keep the headers exact. @default 60000 */
  readonly minuteMs?: number;
  /** @default { project: 100, group: 50 } */
  readonly hookLimits?: { readonly project?: number; readonly group?: number };
  /** Refuses hooks that point to the local network, except for the hosts listed. @default { blockLocal: false } */
  readonly outbound?: { readonly blockLocal: boolean; readonly allowlist?: readonly string[] };
  /**
   * Headers that a proxy in front takes out of every answer, in lower case; a `*` at the end stands for the rest of a name, as in
   * `x-*`. @default none
   */
  readonly droppedHeaders?: readonly string[];
  /** Answers everything in GitLab's place, as a firewall does that has blocked the address. @default null */
  readonly blockedBy?: Blocker | null;
  /** Path below which the instance is, as `/gitlab`; outside of it there is a web server's 404. @default "" */
  readonly relativeRoot?: string;
  /** Time that every answer takes, milliseconds. @default 0 */
  readonly latencyMs?: number;
  /** Requests kept in the log of requests. @default 50000 */
  readonly requestLogSize?: number;
  /** Longest wait for a webhook's receiver, milliseconds. @default 10000 */
  readonly webhookTimeoutMs?: number;
  /** Webhooks sent at a time. @default 25 */
  readonly deliveryConcurrency?: number;
  /** Webhook calls a minute and top-level group; beyond it they are dropped. @default 0: no limit */
  readonly hookCallsPerMinute?: number;
  /** Body size from which the log keeps only that it was too big, bytes. @default 5 MiB */
  readonly oversizeLogBytes?: number;
  /** Offers `/__sim/`, through which other processes read and steer it. @default true */
  readonly controlApi?: boolean;
  /** Time of everything: windows, dates, latency. @default the system's */
  readonly clock?: Clock;
}

export const GITLAB_ENDPOINT_LIMITS: EndpointLimits = {
  groupProjects: 600,
  groups: 200,
  group: 400,
  projects: 2000,
  project: 400,
  hookTest: 5,
  hookResend: 5,
};

export type Version = readonly [major: number, minor: number];

/** `19.0.0-ee` -> [19, 0]. Throws on anything that does not begin like a version. */
export function parseVersion(text: string): Version {
  const match = /^(\d+)\.(\d+)/.exec(text);
  if (!match) throw new TypeError(`Cannot read version "${text}": expected MAJOR.MINOR`);
  return [Number(match[1]), Number(match[2])];
}

export function atLeast(version: Version, since: Version | null): boolean {
  if (since === null) return true;
  return version[0] > since[0] || (version[0] === since[0] && version[1] >= since[1]);
}
