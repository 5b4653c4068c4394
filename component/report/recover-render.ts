/**
 * The report of `recover` -> what people and pipelines read: one line per hook with something missed, a table at the end,
 * report.md, junit.xml and hooks.env. Pure.
 */
import { stopText } from "../../lib/gitlab/budget.ts";
import { dotenvLines, junitXml, oneLine, resultPrefix, type JunitCase } from "./formats.ts";
import type { Context } from "./report.ts";
import {
  deliveryCounts,
  type DeliveryReport,
  type Outcome,
  type PlaceReport,
  type RecoveryReport,
  type RecoverySummary,
} from "../recover/report.ts";

/** What is shown as one line of a reason and its count: the same reason over and over says nothing. */
function reasonsOf(deliveries: readonly DeliveryReport[], outcome: Outcome): string {
  const counts = new Map<string, number>();
  for (const d of deliveries) {
    if (d.outcome === outcome && d.reason !== null) counts.set(d.reason, (counts.get(d.reason) ?? 0) + 1);
  }
  return [...counts].map(([reason, n]) => (n === 1 ? reason : `${n} times ${reason}`)).join("; ");
}

const SIGNS: Readonly<Record<PlaceReport["action"], string>> = {
  recover: "~",
  none: "=",
  skip: ".",
  fail: "!",
};

/** Lines for a place where something was missed, woken or failed; none for the others. */
export function placeLines(place: PlaceReport, dryRun: boolean): string[] {
  if (place.action === "skip") return [];
  const lines = place.hooks
    .filter((hook) => hook.deliveries.length > 0 || hook.woken)
    .map((hook) => {
      const all = hook.deliveries;
      const counts = deliveryCounts(all);
      const ways = ["resend", "replay"].map((by) => [by, all.filter((d) => d.by === by).length] as const);
      const how = ways.filter(([, n]) => n > 0).map(([by, n]) => `${n} by ${by}`);
      const redacted = all.filter((d) => d.redacted && d.outcome === "recovered").length;
      const parts = [
        ...(counts.recovered > 0 ? [`${counts.recovered} recovered (${how.join(", ")})`] : []),
        ...(redacted > 0 ? [`${redacted} of them without e-mail addresses`] : []),
        ...(counts.alreadyDelivered > 0 ? [`${counts.alreadyDelivered} already delivered`] : []),
        ...(counts.unrecoverable > 0
          ? [`${counts.unrecoverable} unrecoverable: ${reasonsOf(all, "unrecoverable")}`]
          : []),
        ...(counts.outstanding > 0
          ? [`${counts.outstanding} ${dryRun ? "to be delivered" : "still missed"}`]
          : []),
        ...(hook.woken ? ["switched on again"] : []),
      ];
      return oneLine(`${SIGNS[place.action]} ${place.path} (hook ${hook.hookId}): ${parts.join(", ")}`);
    });
  if (place.action === "fail") lines.push(oneLine(`! fail ${place.path}: ${place.reason ?? ""}`));
  return dryRun ? [...lines, ...missedLines(place)] : lines;
}

/** What a dry run lists: kind, time and id of everything that was missed. */
function missedLines(place: PlaceReport): string[] {
  return place.hooks.flatMap((hook) =>
    hook.deliveries
      .filter((d) => d.outcome !== "alreadyDelivered")
      .map((d) =>
        oneLine(
          `    ${d.at ?? "(time unknown)"} ${d.kind ?? "(kind unknown)"} ${d.project ?? ""} ${d.id ?? "(no id)"}: ${d.status}${d.reason === null ? "" : `; ${d.reason}`}`,
        ),
      ),
  );
}

/** What the operator has to know and no single line says. */
export function findings(report: RecoveryReport): string[] {
  const { summary } = report;
  const texts: string[] = [];
  if (summary.unloggedWindows > 0) {
    const windows = report.results.flatMap((place) => place.hooks.flatMap((hook) => hook.unlogged));
    const from = windows.map((w) => w.from).sort()[0] ?? "";
    const to =
      windows
        .map((w) => w.to)
        .sort()
        .at(-1) ?? "";
    texts.push(
      `GitLab had switched hooks off for some time (${summary.unloggedWindows} windows between ${from} and ${to}): events of that time were never sent nor logged, and nobody can fetch them; the report lists the windows`,
    );
  }
  if (summary.redacted > 0) {
    texts.push(
      `${summary.redacted} recovered events read [REDACTED] where GitLab's log leaves e-mail addresses out`,
    );
  }
  return texts;
}

const NAMES: readonly (readonly [keyof RecoverySummary, string])[] = [
  ["missed", "missed"],
  ["recovered", "recovered"],
  ["alreadyDelivered", "already delivered"],
  ["unrecoverable", "unrecoverable"],
  ["outstanding", "still missed"],
  ["woken", "hooks switched on"],
  ["hooks", "hooks looked at"],
  ["skipped", "projects skipped"],
  ["failed", "projects failed"],
  ["remaining", "projects remaining"],
];

function endText(report: RecoveryReport, context: Context): string {
  const what = context.dryRun ? "list" : "run";
  if (report.complete) return `${what} complete`;
  if (report.stoppedBy === null) return `${what} ended early: ${context.trouble ?? "see above"}`;
  const next = context.dryRun ? "give it more time" : "the next run goes on from there";
  return `${what} stopped early ${stopText(report.stoppedBy)}: ${next}`;
}

/** The table at the end of the job log. */
export function finalTable(report: RecoveryReport, context: Context): string {
  const { total, rejected, receiver } = report.requests;
  return [
    ...NAMES.map(
      ([key, name]) => `  ${name.padEnd(18)} ${String(report.summary[key] ?? "unknown").padStart(8)}`,
    ),
    `  ${"requests".padEnd(18)} ${String(total).padStart(8)}  (${rejected} rejected), and ${receiver} to the receiver`,
    endText(report, context),
  ].join("\n");
}

function cell(text: string): string {
  return oneLine(text).replaceAll("|", "\\|").replaceAll("<", "&lt;");
}

const MOST_ROWS = 500;

/** report.md: for a job's page or a note. */
export function markdown(report: RecoveryReport, context: Context): string {
  const { requests, summary } = report;
  const title = `Missed webhooks of ${context.group}${context.dryRun ? " (dry run)" : ""}`;
  const lines = [
    `## ${cell(title)}`,
    "",
    `${cell(context.gitlabUrl)}, ${report.level} level, logs since ${report.since}, mode ${report.mode}, ${requests.total} requests (${requests.rejected} rejected): ${cell(endText(report, context))}.`,
    "",
    `| ${NAMES.map(([, name]) => name).join(" | ")} |`,
    `|${NAMES.map(() => "---:|").join("")}`,
    `| ${NAMES.map(([key]) => String(summary[key] ?? "unknown")).join(" | ")} |`,
  ];
  if (context.notices.length > 0) lines.push("", ...context.notices.map((notice) => `- ${cell(notice)}`));
  const failed = report.results.filter((place) => place.action === "fail");
  if (failed.length > 0) {
    lines.push("", "| failed | reason |", "|---|---|");
    lines.push(...failed.slice(0, MOST_ROWS).map((p) => `| ${cell(p.path)} | ${cell(p.reason ?? "")} |`));
  }
  const rows = report.results.flatMap((place) =>
    place.hooks.flatMap((hook) => hook.deliveries.map((d) => ({ place, d }))),
  );
  if (rows.length > 0) {
    lines.push(
      "",
      "| project | kind | time | GitLab's log | outcome | reason |",
      "|---|---|---|---|---|---|",
    );
    for (const { place, d } of rows.slice(0, MOST_ROWS)) {
      const outcome = `${d.outcome}${d.by === null ? "" : ` (${d.by})`}${d.redacted ? ", redacted" : ""}`;
      const cells = [d.project ?? place.path, d.kind ?? "", d.at ?? "", d.status, outcome, d.reason ?? ""];
      lines.push(`| ${cells.map(cell).join(" | ")} |`);
    }
    if (rows.length > MOST_ROWS) lines.push("", `${rows.length - MOST_ROWS} more in report.json.`);
  }
  const windows = report.results.flatMap((place) =>
    place.hooks.flatMap((hook) => hook.unlogged.map((w) => ({ place, w }))),
  );
  if (windows.length > 0) {
    lines.push("", "<details><summary>Times in which GitLab may have dropped events unlogged</summary>", "");
    for (const { place, w } of windows.slice(0, MOST_ROWS)) {
      lines.push(`- ${cell(place.path)}: ${w.from} to ${w.to}, ${cell(w.reason)}`);
    }
    if (windows.length > MOST_ROWS) lines.push(`- ${windows.length - MOST_ROWS} more in report.json`);
    lines.push("", "</details>");
  }
  return `${lines.join("\n")}\n`;
}

/** junit.xml: a test case per place; what is still missed fails it, what nobody can recover any more is told in it. */
export function junit(report: RecoveryReport, context: Context): string {
  const cases = report.results.map((place): JunitCase => {
    const ended = place.action === "fail" ? "failed" : place.action === "skip" ? "skipped" : "passed";
    const lines = placeLines(place, context.dryRun);
    return {
      name: place.path,
      ended,
      reason: place.reason,
      output: lines.length === 0 ? null : lines.join("\n"),
    };
  });
  return junitXml("recover", context.group, cases, context.trouble);
}

/** hooks.env: names of its own, so that a pipeline with the installer's job keeps both. */
export function dotenv(report: RecoveryReport, job: string): string {
  const { summary } = report;
  return dotenvLines(resultPrefix("HOOKS_RECOVERY_", job), {
    COMPLETE: report.complete,
    LEVEL: report.level,
    STOPPED_BY: report.stoppedBy ?? "",
    MISSED: summary.missed,
    RECOVERED: summary.recovered,
    ALREADY_DELIVERED: summary.alreadyDelivered,
    UNRECOVERABLE: summary.unrecoverable,
    OUTSTANDING: summary.outstanding,
    WOKEN: summary.woken,
    FAILED: summary.failed,
    REMAINING: summary.remaining ?? "",
    REQUESTS: report.requests.total,
  });
}

/** All files of `--report-dir`, by name. */
export function recoveryFiles(report: RecoveryReport, context: Context): Readonly<Record<string, string>> {
  return {
    "report.json": `${JSON.stringify(report, null, 1)}\n`,
    "report.md": markdown(report, context),
    "junit.xml": junit(report, context),
    "hooks.env": dotenv(report, context.job),
  };
}
