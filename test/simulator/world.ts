/** What every part of the simulator needs: the data, the time, the settings with their defaults, and how it is reached. */
import type { Clock } from "../../lib/clock.ts";
import { systemClock } from "../../lib/clock.ts";
import type { Blocker, Budget, EndpointLimits, SimulatorOptions, Tier, Version } from "./options.ts";
import { GITLAB_ENDPOINT_LIMITS, atLeast, parseVersion } from "./options.ts";
import { Model } from "./model.ts";
import { Throttle } from "./throttle.ts";

export interface World {
  readonly model: Model;
  readonly clock: Clock;
  readonly throttle: Throttle;
  readonly settings: Settings;
  /** Whether the simulated GitLab is at least as new. */
  since(major: number, minor: number): boolean;
  /** Scheme, host, port and relative root under which it is reached; known once it listens. */
  baseUrl: string;
}

/** Settings that a test may also change while the simulator runs. */
export interface Settings {
  version: Version;
  versionText: string;
  tier: Tier;
  unlicensedStatus: 403 | 404;
  signingTokens: boolean;
  autoDisable: boolean;
  budget: Budget | null;
  userBudgets: Readonly<Record<string, Budget | null>>;
  anonymousBudget: Budget | null;
  budgetHeaders: "always" | "on-429";
  endpointLimits: EndpointLimits | null;
  minuteMs: number;
  hookLimits: { project: number; group: number };
  outbound: { blockLocal: boolean; allowlist: readonly string[] };
  droppedHeaders: readonly string[];
  blockedBy: Blocker | null;
  latencyMs: number;
  webhookTimeoutMs: number;
  deliveryConcurrency: number;
  hookCallsPerMinute: number;
  oversizeLogBytes: number;
}

export function createWorld(options: SimulatorOptions): World {
  const clock = options.clock ?? systemClock;
  const versionText = options.version ?? "19.0.0";
  const settings: Settings = {
    version: parseVersion(versionText),
    versionText,
    tier: options.tier ?? "premium",
    unlicensedStatus: options.unlicensedStatus ?? 403,
    signingTokens: options.signingTokens ?? true,
    autoDisable: options.autoDisable ?? false,
    budget: options.budget ?? null,
    userBudgets: options.userBudgets ?? {},
    anonymousBudget: options.anonymousBudget ?? null,
    budgetHeaders: options.budgetHeaders ?? "always",
    endpointLimits:
      options.endpointLimits === false ? null : { ...GITLAB_ENDPOINT_LIMITS, ...options.endpointLimits },
    minuteMs: options.minuteMs ?? 60_000,
    hookLimits: { project: options.hookLimits?.project ?? 100, group: options.hookLimits?.group ?? 50 },
    outbound: {
      blockLocal: options.outbound?.blockLocal ?? false,
      allowlist: options.outbound?.allowlist ?? [],
    },
    droppedHeaders: options.droppedHeaders ?? [],
    blockedBy: options.blockedBy ?? null,
    latencyMs: options.latencyMs ?? 0,
    webhookTimeoutMs: options.webhookTimeoutMs ?? 10_000,
    deliveryConcurrency: options.deliveryConcurrency ?? 25,
    hookCallsPerMinute: options.hookCallsPerMinute ?? 0,
    oversizeLogBytes: options.oversizeLogBytes ?? 5 * 1024 * 1024,
  };
  return {
    model: new Model(clock),
    clock,
    throttle: new Throttle(clock, settings.minuteMs),
    settings,
    since: (major, minor) => atLeast(settings.version, [major, minor]),
    baseUrl: "",
  };
}
