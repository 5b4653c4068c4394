/**
 * The report of `recover` -> what people and pipelines read: one line per hook with something missed, a table at the end, and what
 * the files of `--report-dir` hold. Pure.
 */
import { oneLine } from "../../lib/one-line.ts";
import { endText, type Context } from "./context.ts";
import type { Rendering } from "./files.ts";
import type { JunitCase } from "./formats.ts";
import { cell, countsTable, bulletList, folded, rowsTable, type TableColumn } from "./markdown.ts";
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
export function placeLines(place: PlaceReport, { dryRun }: Pick<Context, "dryRun">): string[] {
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
      `GitLab had switched hooks off for some time (${summary.unloggedWindows} windows between ${from} and ${to}): events of that time were neither sent nor logged, and cannot be fetched; the report lists the windows`,
    );
  }
  if (summary.redacted > 0) {
    texts.push(
      `${summary.redacted} recovered events have [REDACTED] in place of the e-mail addresses that GitLab's log leaves out`,
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

const WORDS = { dryRun: "list", again: "give it more time" };

function recoveryEnd(report: RecoveryReport, context: Context): string {
  const end = endText(report, context, WORDS);
  return report.complete || report.stoppedBy !== null ? end : `${end}: ${context.trouble ?? "see above"}`;
}

/** The table at the end of the job log. */
export function finalTable(report: RecoveryReport, context: Context): string {
  const { total, rejected, receiver } = report.requests;
  return [
    ...NAMES.map(
      ([key, name]) => `  ${name.padEnd(18)} ${String(report.summary[key] ?? "unknown").padStart(8)}`,
    ),
    `  ${"requests".padEnd(18)} ${String(total).padStart(8)}  (${rejected} rejected), and ${receiver} to the receiver`,
    recoveryEnd(report, context),
  ].join("\n");
}

interface Row {
  readonly place: PlaceReport;
  readonly delivery: DeliveryReport;
}

const COLUMNS: readonly TableColumn<Row>[] = [
  { name: "project", text: ({ place, delivery }) => delivery.project ?? place.path },
  { name: "kind", text: ({ delivery }) => delivery.kind ?? "" },
  { name: "time", text: ({ delivery }) => delivery.at ?? "" },
  { name: "GitLab's log", text: ({ delivery }) => delivery.status },
  { name: "outcome", text: ({ delivery }) => outcomeText(delivery) },
  { name: "reason", text: ({ delivery }) => delivery.reason ?? "" },
];

const FAILED_COLUMNS: readonly TableColumn<PlaceReport>[] = [
  { name: "failed", text: ({ path }) => path },
  { name: "reason", text: ({ reason }) => reason ?? "" },
];

function outcomeText({ outcome, by, redacted }: DeliveryReport): string {
  return `${outcome}${by === null ? "" : ` (${by})`}${redacted ? ", redacted" : ""}`;
}

/** report.md: for a job's page or a note. */
function markdown(report: RecoveryReport, context: Context): string {
  const { requests, summary, results } = report;
  const title = `Missed webhooks of ${context.group}${context.dryRun ? " (dry run)" : ""}`;
  const hooks = results.flatMap((place) => place.hooks.map((hook) => ({ place, hook })));
  const lines = [
    `## ${cell(title)}`,
    "",
    `${cell(context.gitlabUrl)}, ${report.level} level, logs since ${report.since}, mode ${report.mode}, ${requests.total} requests (${requests.rejected} rejected): ${cell(recoveryEnd(report, context))}.`,
    "",
    ...countsTable(NAMES.map(([key, name]) => [name, summary[key]])),
    ...bulletList(context.notices),
    ...rowsTable(
      FAILED_COLUMNS,
      results.filter((place) => place.action === "fail"),
    ),
    ...rowsTable(
      COLUMNS,
      hooks.flatMap(({ place, hook }) => hook.deliveries.map((delivery) => ({ place, delivery }))),
    ),
    ...folded(
      "Times in which GitLab may have dropped events unlogged",
      hooks.flatMap(({ place, hook }) =>
        hook.unlogged.map(({ from, to, reason }) => `${place.path}: ${from} to ${to}, ${reason}`),
      ),
    ),
  ];
  return `${lines.join("\n")}\n`;
}

/** What is still missed fails its place; what cannot be recovered any more is told in it. */
function junitCase(place: PlaceReport, { dryRun }: Context): JunitCase {
  const ended = place.action === "fail" ? "failed" : place.action === "skip" ? "skipped" : "passed";
  const lines = placeLines(place, { dryRun });
  return {
    name: place.path,
    ended,
    reason: place.reason,
    output: lines.length === 0 ? null : lines.join("\n"),
  };
}

/** Of `recover`. Its variables have their own names, so that a pipeline with the installer's job keeps both. */
export const RECOVERY_RENDERING: Rendering<RecoveryReport> = {
  markdown,
  cases: ({ results }, context) => results.map((place) => junitCase(place, context)),
  variables: {
    prefix: "HOOKS_RECOVERY_",
    values: ({ complete, level, stoppedBy, summary, requests }) => ({
      COMPLETE: complete,
      LEVEL: level,
      STOPPED_BY: stoppedBy ?? "",
      MISSED: summary.missed,
      RECOVERED: summary.recovered,
      ALREADY_DELIVERED: summary.alreadyDelivered,
      UNRECOVERABLE: summary.unrecoverable,
      OUTSTANDING: summary.outstanding,
      WOKEN: summary.woken,
      FAILED: summary.failed,
      REMAINING: summary.remaining ?? "",
      REQUESTS: requests.total,
    }),
  },
};
