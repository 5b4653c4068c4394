/**
 * What the operator's side needs from the rest of the relay: handed in once by main.ts, so that the pages and the API know
 * neither Redis nor journal, neither HTTP clients nor the process.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { Activity } from "../observe/activity/activity.ts";
import type { Config } from "../config/schema.ts";
import type { AddressRules } from "../http/client-address.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Queue } from "../queue/queue.ts";
import type { EpochStore } from "./auth/epoch.ts";

/** One target's worker, as it is now. */
export interface TargetStatus {
  readonly name: string;
  /** `http`, `log`, `module` or `pipeline`. */
  readonly type: string;
  /** Where it delivers to, fit to be shown: no user info, no query. Null where it has no address. */
  readonly address: string | null;
  readonly breaker: "closed" | "open" | "half-open";
  /** Wall clock at which an open breaker lets a probe through; null unless it is open. */
  readonly breakerUntil: number | null;
  /** Attempts under way. */
  readonly inFlight: number;
  /** Attempts that may be under way at once. */
  readonly concurrency: number;
  /** Attempts that ended in the last minute. */
  readonly attemptsLastMinute: number;
}

/** What a request was allowed by; asked again while a stream is open. */
export interface Grant {
  holds(): boolean;
  /** Calls back when it may have ended; returns the way to stop that. */
  onChange(listener: () => void): () => void;
}

export interface AdminDeps {
  readonly queue: Queue;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The settings in force; may change while the relay runs. */
  readonly config: () => Config;
  /** Every configured target, in the order of the configuration. */
  readonly targets: () => readonly TargetStatus[];
  /** What relays of one storage share about sessions. */
  readonly sessions: {
    readonly epoch: EpochStore;
    /** Differs between storages. Rejects with an UpstreamError where the storage is out of reach. */
    salt(): Promise<string>;
  };
  /** Which proxies are believed. */
  readonly addresses: () => AddressRules;
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
    grant: Grant;
    /** Id of the live stream up to which the page shows everything. */
    since: string;
  };
}
