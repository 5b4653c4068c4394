/**
 * Results of `install` and `uninstall` -> what people and pipelines read: one line per project that changed, a table at the end,
 * and what the files of `--report-dir` hold. Pure. Nothing here ever holds a secret: results carry fingerprints, and addresses
 * without user info and query.
 */
import type { StopReason } from "../../lib/gitlab/budget.ts";
import { oneLine } from "../../lib/one-line.ts";
import type { HookLevel } from "../gitlab/types.ts";
import { changesText } from "../hooks/change-text.ts";
import type { Action, HookResult } from "../hooks/result.ts";
import { endText, type Context } from "./context.ts";
import type { Rendering } from "./files.ts";
import type { JunitCase } from "./formats.ts";
import { cell, countsTable, bulletList, folded, rowsTable, type TableColumn } from "./markdown.ts";

export interface Summary {
  readonly projects: number;
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly removed: number;
  readonly skipped: number;
  readonly failed: number;
  /** Not reached yet; null: GitLab does not say how many. */
  readonly remaining: number | null;
}

/** report.json: every key is always there. */
export interface InstallReport {
  readonly complete: boolean;
  readonly level: HookLevel;
  readonly stoppedBy: StopReason | null;
  readonly summary: Summary;
  readonly requests: { readonly total: number; readonly rejected: number };
  readonly results: readonly HookResult[];
}

const COUNTED: Readonly<Record<Action, keyof Omit<Summary, "projects" | "remaining">>> = {
  create: "created",
  update: "updated",
  none: "unchanged",
  remove: "removed",
  skip: "skipped",
  fail: "failed",
};

export function summariseResults(results: readonly HookResult[], remaining: number | null): Summary {
  const counts = { created: 0, updated: 0, unchanged: 0, removed: 0, skipped: 0, failed: 0 };
  for (const result of results) counts[COUNTED[result.action]]++;
  return { projects: results.length + (remaining ?? 0), ...counts, remaining };
}

export function hasDrift(summary: Summary): boolean {
  return summary.created + summary.updated + summary.removed > 0;
}

const SIGNS: Readonly<Record<Action, string>> = {
  create: "+",
  update: "~",
  none: "=",
  remove: "-",
  skip: ".",
  fail: "!",
};

/** One line for a project that changed or failed; null for the others. */
export function resultLine(result: HookResult): string | null {
  if (result.action === "none" && result.reason === null) return null;
  if (result.action === "skip") return null;
  const hook = result.hookId === null ? "" : ` (hook ${result.hookId})`;
  const words = changesText(result.changes);
  const changes = words === "" ? "" : `: ${words}`;
  const reason = result.reason === null ? "" : `: ${result.reason}`;
  return oneLine(`${SIGNS[result.action]} ${result.action} ${result.path}${hook}${changes}${reason}`);
}

const WORDS = { dryRun: "plan", again: "a plan begins anew each time; give it a longer --time-limit" };

type SummaryRow = readonly [key: keyof Summary, done: string, planned: string];

const ROWS: readonly SummaryRow[] = [
  ["created", "created", "to create"],
  ["updated", "updated", "to update"],
  ["unchanged", "unchanged", "right"],
  ["removed", "removed", "to remove"],
  ["skipped", "skipped", "skipped"],
  ["failed", "failed", "failed"],
  ["remaining", "remaining", "remaining"],
  ["projects", "in all", "in all"],
];

function rowsOf({ dryRun }: Context): readonly (readonly [keyof Summary, string])[] {
  return ROWS.map(([key, done, planned]) => [key, dryRun ? planned : done]);
}

/** The table at the end of the job log. @param elapsedMs how long the run took; null: it is not told */
export function hooksTable(report: InstallReport, context: Context, elapsedMs: number | null = null): string {
  const rows = rowsOf(context).map(
    ([key, name]) => `  ${name.padEnd(10)} ${String(report.summary[key] ?? "unknown").padStart(8)}`,
  );
  const { total, rejected } = report.requests;
  const seconds = elapsedMs === null ? 0 : elapsedMs / 1000;
  const rate = seconds < 1 ? "" : `, ${Math.round(total / seconds)} a second`;
  const took = elapsedMs === null ? [] : [`  time       ${timeText(seconds).padStart(8)}`];
  return [
    ...rows,
    `  requests   ${String(total).padStart(8)}  (${rejected} rejected${rate})`,
    ...took,
    endText(report, context, WORDS),
  ].join("\n");
}

/** `0.4 s`, `12 s`, `3:05 min`. */
function timeText(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")} min`;
}

/** report.md: for a merge request's note or a job's page. */
function markdown(report: InstallReport, context: Context): string {
  const title = `Webhooks of ${context.group}: ${context.command}${context.dryRun ? " (dry run)" : ""}`;
  const skipped = report.results.filter((r) => r.action === "skip");
  const lines = [
    `## ${cell(title)}`,
    "",
    `${cell(context.gitlabUrl)}, ${report.level} level, ${report.requests.total} requests (${report.requests.rejected} rejected): ${cell(endText(report, context, WORDS))}${context.trouble === null ? "" : `: ${cell(context.trouble)}`}.`,
    "",
    ...countsTable(rowsOf(context).map(([key, name]) => [name, report.summary[key]])),
    ...bulletList(context.notices),
    ...rowsTable(
      COLUMNS,
      report.results.filter((r) => resultLine(r) !== null),
    ),
    ...folded(
      "Skipped projects",
      skipped.map((r) => `${r.path}: ${r.reason ?? ""}`),
    ),
  ];
  return `${lines.join("\n")}\n`;
}

const COLUMNS: readonly TableColumn<HookResult>[] = [
  { name: "project", text: ({ path }) => path },
  { name: "action", text: ({ action }) => action },
  { name: "hook", text: ({ hookId }) => String(hookId ?? ""), align: "right" },
  { name: "changes", text: ({ changes }) => changesText(changes) },
  { name: "reason", text: ({ reason }) => reason ?? "" },
];

function junitCase(result: HookResult): JunitCase {
  const { action, path, reason } = result;
  const ended = action === "fail" ? "failed" : action === "skip" ? "skipped" : "passed";
  return { name: path, ended, reason, output: resultLine(result) };
}

/** Of `install` and `uninstall`. */
export const INSTALL_RENDERING: Rendering<InstallReport> = {
  markdown,
  cases: ({ results }) => results.map(junitCase),
  variables: {
    prefix: "HOOKS_RESULT_",
    values: ({ complete, level, stoppedBy, summary, requests }) => ({
      COMPLETE: complete,
      LEVEL: level,
      STOPPED_BY: stoppedBy ?? "",
      PROJECTS: summary.projects,
      CREATED: summary.created,
      UPDATED: summary.updated,
      UNCHANGED: summary.unchanged,
      REMOVED: summary.removed,
      SKIPPED: summary.skipped,
      FAILED: summary.failed,
      REMAINING: summary.remaining ?? "",
      REQUESTS: requests.total,
    }),
  },
};
