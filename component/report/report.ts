/**
 * Results -> what people and pipelines read: one line per project that changed, a table at the end, report.json, report.md,
 * junit.xml and hooks.env. Pure. Nothing here ever holds a secret: results carry fingerprints, and addresses without user info
 * and query.
 */
import { stopText, type StopReason } from "../../lib/gitlab/budget.ts";
import type { Level } from "../gitlab/types.ts";
import { dotenvLines, junitXml, oneLine, resultPrefix, type JunitCase } from "./formats.ts";
import type { Action, HookResult } from "../hooks/result.ts";
import { changesText } from "../hooks/change-text.ts";

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
  readonly level: Level;
  readonly stoppedBy: StopReason | null;
  readonly summary: Summary;
  readonly requests: { readonly total: number; readonly rejected: number };
  readonly results: readonly HookResult[];
}

/** What the readable reports say besides. */
export interface Context {
  readonly command: string;
  readonly group: string;
  readonly gitlabUrl: string;
  readonly dryRun: boolean;
  readonly notices: readonly string[];
  readonly trouble: string | null;
  /** Name of the component's job; empty outside of one. */
  readonly job: string;
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

/** The beginning and end of a part that GitLab's job log folds. @param unixSeconds when it began or ended */
export function sectionStart(name: string, title: string, unixSeconds: number, collapsed = false): string {
  return `\u001b[0Ksection_start:${unixSeconds}:${name}${collapsed ? "[collapsed=true]" : ""}\r\u001b[0K${title}`;
}

export function sectionEnd(name: string, unixSeconds: number): string {
  return `\u001b[0Ksection_end:${unixSeconds}:${name}\r\u001b[0K`;
}

function endText(report: InstallReport, context: Context): string {
  const what = context.dryRun ? "plan" : "run";
  if (report.complete) return `${what} complete`;
  if (report.stoppedBy !== null) {
    const next = context.dryRun
      ? "a plan begins anew each time; give it a longer --time-limit"
      : "the next run goes on from there";
    return `${what} stopped early ${stopText(report.stoppedBy)}: ${next}`;
  }
  return `${what} ended early`;
}

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
    endText(report, context),
  ].join("\n");
}

/** `0.4 s`, `12 s`, `3:05 min`. */
function timeText(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")} min`;
}

function cell(text: string): string {
  return oneLine(text).replaceAll("|", "\\|").replaceAll("<", "&lt;");
}

const MOST_ROWS = 500;

/** report.md: for a merge request's note or a job's page. */
export function hooksMarkdown(report: InstallReport, context: Context): string {
  const title = `Webhooks of ${context.group}: ${context.command}${context.dryRun ? " (dry run)" : ""}`;
  const shown = report.results.filter((r) => resultLine(r) !== null);
  const rows = rowsOf(context);
  const lines = [
    `## ${cell(title)}`,
    "",
    `${cell(context.gitlabUrl)}, ${report.level} level, ${report.requests.total} requests (${report.requests.rejected} rejected): ${cell(endText(report, context))}${context.trouble === null ? "" : `: ${cell(context.trouble)}`}.`,
    "",
    `| ${rows.map(([, name]) => name).join(" | ")} |`,
    `|${rows.map(() => "---:|").join("")}`,
    `| ${rows.map(([key]) => String(report.summary[key] ?? "unknown")).join(" | ")} |`,
  ];
  if (context.notices.length > 0) lines.push("", ...context.notices.map((notice) => `- ${cell(notice)}`));
  if (shown.length > 0) {
    lines.push("", "| project | action | hook | changes | reason |", "|---|---|---:|---|---|");
    for (const r of shown.slice(0, MOST_ROWS)) {
      const changes = changesText(r.changes);
      lines.push(
        `| ${cell(r.path)} | ${r.action} | ${r.hookId ?? ""} | ${cell(changes)} | ${cell(r.reason ?? "")} |`,
      );
    }
    if (shown.length > MOST_ROWS) lines.push("", `${shown.length - MOST_ROWS} more in report.json.`);
  }
  const skipped = report.results.filter((r) => r.action === "skip");
  if (skipped.length > 0) {
    lines.push("", "<details><summary>Skipped projects</summary>", "");
    lines.push(...skipped.slice(0, MOST_ROWS).map((r) => `- ${cell(r.path)}: ${cell(r.reason ?? "")}`));
    if (skipped.length > MOST_ROWS) lines.push(`- ${skipped.length - MOST_ROWS} more in report.json`);
    lines.push("", "</details>");
  }
  return `${lines.join("\n")}\n`;
}

/** junit.xml: a test case for each project; in a dry run a change counts as passed, as it fails nothing by itself. */
export function hooksJunit(report: InstallReport, context: Context): string {
  const cases = report.results.map((r): JunitCase => {
    const ended = r.action === "fail" ? "failed" : r.action === "skip" ? "skipped" : "passed";
    return { name: r.path, ended, reason: r.reason, output: resultLine(r) };
  });
  return junitXml(context.command, context.group, cases, context.trouble);
}

/** hooks.env: variables for later jobs. Their names are no option's, or a later job would take them for its settings. */
export function hooksDotenv(report: InstallReport, job: string): string {
  const { summary } = report;
  return dotenvLines(resultPrefix("HOOKS_RESULT_", job), {
    COMPLETE: report.complete,
    LEVEL: report.level,
    STOPPED_BY: report.stoppedBy ?? "",
    PROJECTS: summary.projects,
    CREATED: summary.created,
    UPDATED: summary.updated,
    UNCHANGED: summary.unchanged,
    REMOVED: summary.removed,
    SKIPPED: summary.skipped,
    FAILED: summary.failed,
    REMAINING: summary.remaining ?? "",
    REQUESTS: report.requests.total,
  });
}

export function reportJson(report: InstallReport): string {
  return `${JSON.stringify(report, null, 1)}\n`;
}

/** The files of `--report-dir`, by name; each is made when it is asked for, since all at once they take more than the run. */
export const REPORT_FILES: Readonly<Record<string, (report: InstallReport, context: Context) => string>> = {
  "report.json": reportJson,
  "report.md": hooksMarkdown,
  "junit.xml": hooksJunit,
  "hooks.env": (report, context) => hooksDotenv(report, context.job),
};
