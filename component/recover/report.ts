/**
 * What `recover` found and did, as report.json has it; docs/recovery.md describes every field. Pure. No body, no header and no
 * secret is ever part of it.
 */
import { shownUrl } from "../../lib/log.ts";
import type { StopReason } from "../../lib/gitlab/budget.ts";
import type { HookLevel } from "../gitlab/types.ts";
import type { HookResult } from "../hooks/result.ts";
import type { HookWork } from "./hook-work.ts";
import type { Missed } from "./finding.ts";
import type { PlaceWork } from "./place-work.ts";

export const OUTCOMES = ["recovered", "alreadyDelivered", "unrecoverable", "outstanding"] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface DeliveryReport {
  /** GitLab's id of the delivery; null: this GitLab gives none. */
  readonly id: string | null;
  readonly kind: string | null;
  readonly project: string | null;
  /** UTC, of the first attempt; null: this GitLab does not say. */
  readonly at: string | null;
  /** What came of GitLab's last attempt. */
  readonly status: string;
  /** `outstanding`: still missed, or, in a dry run, not tried. */
  readonly outcome: Outcome;
  readonly by: "resend" | "replay" | null;
  readonly reason: string | null;
  /** E-mail addresses in it read `[REDACTED]`. */
  readonly redacted: boolean;
}

export interface HookReport {
  readonly hookId: number;
  readonly url: string;
  /** GitLab had switched it off, and sends again. */
  readonly woken: boolean;
  readonly deliveries: readonly DeliveryReport[];
  /** Times in which events may have been dropped without a trace. */
  readonly unlogged: readonly { readonly from: string; readonly to: string; readonly reason: string }[];
}

export type Counts = Readonly<Record<Outcome, number>>;

export interface PlaceReport extends Counts {
  /** Null: the group itself. */
  readonly projectId: number | null;
  readonly path: string;
  readonly action: "recover" | "none" | "skip" | "fail";
  readonly reason: string | null;
  readonly hooks: readonly HookReport[];
}

export interface RecoverySummary extends Counts {
  readonly projects: number;
  readonly hooks: number;
  readonly missed: number;
  readonly redacted: number;
  readonly woken: number;
  readonly unloggedWindows: number;
  readonly skipped: number;
  readonly failed: number;
  /** Not reached yet; null: GitLab does not say how many. */
  readonly remaining: number | null;
}

/** report.json: every key is always there. */
export interface RecoveryReport {
  readonly complete: boolean;
  readonly level: HookLevel;
  readonly stoppedBy: StopReason | null;
  readonly mode: string;
  /** UTC: logs were read back to here, or to where an earlier run had stopped. */
  readonly since: string;
  /** UTC: deliveries that GitLab first tried later were left alone; null: none were. */
  readonly until: string | null;
  readonly summary: RecoverySummary;
  readonly requests: {
    readonly total: number;
    readonly rejected: number;
    readonly pages: number;
    readonly receiver: number;
  };
  readonly results: readonly PlaceReport[];
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function deliveryReport(work: HookWork, missed: Missed): DeliveryReport {
  const fate = work.fateOf(missed);
  return {
    id: missed.id,
    kind: missed.kind,
    project: missed.projectPath,
    at: missed.at === null ? null : iso(missed.at),
    status: missed.status,
    outcome: fate?.outcome ?? "outstanding",
    by: fate?.outcome === "recovered" ? fate.by : null,
    reason: fate !== null && "reason" in fate ? fate.reason : null,
    redacted: missed.redacted,
  };
}

function hookReport(work: HookWork): HookReport {
  return {
    hookId: work.hook.id,
    url: shownUrl(work.hook.url),
    woken: work.woken,
    deliveries: work.missed.map((missed) => deliveryReport(work, missed)),
    unlogged: work.unlogged.map(({ from, to, reason }) => ({ from: iso(from), to: iso(to), reason })),
  };
}

export function deliveryCounts(deliveries: readonly DeliveryReport[]): Counts {
  const counts = { recovered: 0, alreadyDelivered: 0, unrecoverable: 0, outstanding: 0 };
  for (const { outcome } of deliveries) counts[outcome]++;
  return counts;
}

/** One place. @param work null: it was left out */
export function placeReport(result: HookResult, work: PlaceWork | null): PlaceReport {
  const hooks = (work?.hooks ?? []).map(hookReport);
  const { action } = result;
  // A project that was given by its path is known by its number from its hooks.
  const shown = work?.hooks[0]?.hook["project_id"];
  const known = Number.isNaN(result.projectId) ? null : result.projectId;
  return {
    projectId: known ?? (work?.place.level === "project" && typeof shown === "number" ? shown : null),
    path: result.path,
    action: action === "fail" || action === "skip" || action === "none" ? action : "recover",
    ...deliveryCounts(hooks.flatMap((hook) => hook.deliveries)),
    reason: result.reason,
    hooks,
  };
}

export function summarise(results: readonly PlaceReport[], remaining: number | null): RecoverySummary {
  const hooks = results.flatMap((place) => place.hooks);
  const deliveries = hooks.flatMap((hook) => hook.deliveries);
  const having = (action: PlaceReport["action"]): number => results.filter((r) => r.action === action).length;
  return {
    projects: results.length + (remaining ?? 0),
    hooks: hooks.length,
    missed: deliveries.length,
    ...deliveryCounts(deliveries),
    redacted: deliveries.filter((d) => d.redacted && d.outcome === "recovered").length,
    woken: hooks.filter((hook) => hook.woken).length,
    unloggedWindows: hooks.reduce((sum, hook) => sum + hook.unlogged.length, 0),
    skipped: having("skip"),
    failed: having("fail"),
    remaining,
  };
}
