/**
 * What the operator's side needs from the rest of the relay: handed in once by main.ts, so that the pages and the API know
 * neither Redis nor journal, neither HTTP clients nor the process.
 */
import type { Context } from "hono";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { Activity } from "../observe/activity/activity.ts";
import type { Config } from "../config/schema.ts";
import type { AddressRules } from "../http/client-address.ts";
import type { AttentionItem } from "../observe/attention/attention.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { MinuteStats } from "../observe/hour/minute-stats.ts";
import type { InstanceRecovery } from "../recovery/recoveries.ts";
import type { TargetMinute, TargetStatus } from "../observe/target-status.ts";
import type { ReplayDesk } from "../replay/jobs.ts";
import type { Routing } from "../routing/routing.ts";
import type { Queue } from "../queue/queue.ts";
import type { AuditTrail } from "../storage/audit-trail.ts";
import type { EpochStore } from "./auth/epoch.ts";
import type { Permission, Person } from "./auth/roles.ts";
import type { ProviderFetch } from "./auth/oidc.ts";

/** What a request was allowed by; asked again while a stream is open. */
export interface Grant {
  holds(): boolean;
  /** Calls back when it may have ended; returns the way to stop that. */
  onChange(listener: () => void): () => void;
}

/** Who sends a request. */
export interface Identity {
  readonly person: Person;
  /** What a change must carry; null for a bearer token, which no browser sends by itself. */
  readonly csrf: string | null;
  readonly grant: Grant;
}

export interface AdminDeps {
  readonly queue: Queue;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The last hour, minute by minute. */
  readonly minutes: MinuteStats;
  /** What needs an operator now, most urgent first. Rejects with an UpstreamError if the storage is out of reach. */
  readonly attention: () => Promise<readonly AttentionItem[]>;
  /** What the relay recovers by itself, by GitLab; empty: nothing, as the settings do not say how. */
  readonly recoveries: () => readonly InstanceRecovery[];
  /** The settings in force; may change while the relay runs. */
  readonly config: () => Config;
  /** Every configured target, in the order of the configuration. */
  readonly targets: () => readonly TargetStatus[];
  /** The last hour of a target, oldest first. */
  readonly targetMinutes: (target: string) => readonly TargetMinute[];
  /** What relays of one storage share about sessions. */
  readonly sessions: {
    /** A counter by its name, of letters, digits and dashes. */
    epoch(name: string): EpochStore;
    /** Differs between storages. Rejects with an UpstreamError if the storage is out of reach. */
    salt(): Promise<string>;
  };
  /** What people have done here. */
  readonly audit: AuditTrail;
  /** What routing decides, in words, and what it refuses. */
  readonly routing: Pick<Routing, "explain" | "refusedFiles">;
  /** Replay jobs. */
  readonly replays: ReplayDesk;
  /** Asks the identity provider. */
  readonly fetch: ProviderFetch;
  /** Which proxies are believed. */
  readonly addresses: () => AddressRules;
  /** The file with the secret token that the relay made for itself; null if the settings have one. */
  readonly secretFile: () => string | null;
  /** Shown on the dashboard. */
  readonly version: string;
  /** Reports of what the events say about the work; null: it is not counted. @default null */
  readonly activity?: Pick<Activity, "report"> | null;
  /** Checks of readiness beside the queue's own. @default none */
  readonly checks?: () => readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

/** What @hono/node-server puts into `c.env`. */
export interface AdminEnv {
  readonly Bindings: {
    readonly incoming?: {
      readonly socket: { readonly remoteAddress?: string | undefined; readonly encrypted?: boolean };
      readonly httpVersion?: string;
    };
  };
  readonly Variables: {
    csrf: string;
    /** Whether the person has a permission. */
    may: (permission: Permission) => boolean;
    identity: Identity;
    /** Id of the live stream up to which the page shows everything. */
    since: string;
  };
}

export type AdminContext = Context<AdminEnv>;
