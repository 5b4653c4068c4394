/**
 * What the events say about the work, as tiles and charts. A colour means the same in each: blue is what began, purple what was brought to
 * its end, green what succeeded, red what failed, grey what was given up.
 */
import { html } from "hono/html";
import type { Figures, Report } from "../../observe/activity/report.ts";
import { isBot } from "../../observe/activity/bots.ts";
import { counted, grouped } from "../../../lib/numbers.ts";
import { barChart, lineChart, niceSeconds } from "./charts.ts";
import { duration, type Html } from "./html.ts";

export function activityTiles({ total, projects, authors }: Report): Html {
  const people = authors.filter(({ author }) => !isBot(author)).length;
  return html`<section class="tiles" aria-label="In all">
    ${tile("Commits", grouped(total.commits), `${grouped(total.files.added)} files added, ${grouped(total.files.modified)} changed, ${grouped(total.files.removed)} removed`)}
    ${tile("Merged", grouped(total.mergeRequests.merged), `${grouped(total.mergeRequests.opened)} opened, ${grouped(total.mergeRequests.closed)} closed unmerged`)}
    ${tile("Time to merge", timeText(total.mergeRequests.timeToMergeSeconds.median), `median; 90 % within ${timeText(total.mergeRequests.timeToMergeSeconds.p90)}`)}
    ${tile("Reviewed", shareText(total.reviews.participation), `of what was merged; ${counted(total.reviews.approvals, "approval")}, ${counted(total.reviews.comments, "comment")}`)}
    ${tile("Pipelines", shareText(total.pipelines.successRate), `succeeded; ${grouped(total.pipelines.failed)} of ${grouped(total.pipelines.success + total.pipelines.failed)} failed`)}
    ${tile("Pipeline time", timeText(total.pipelines.durationSeconds.median), `median; 90 % within ${timeText(total.pipelines.durationSeconds.p90)}`)}
    ${tile("Issues closed", grouped(total.issues.closed), `${grouped(total.issues.opened)} opened`)}
    ${tile("Time open", timeText(total.issues.timeOpenSeconds.median), `median; 90 % within ${timeText(total.issues.timeOpenSeconds.p90)}`)}
    ${tile("Deployments", grouped(total.deployments.success), `${grouped(total.deployments.failed)} failed`)}
    ${tile("Projects", grouped(projects.length), `${grouped(people)} ${people === 1 ? "person" : "people"}`)}
  </section>`;
}

/** Figures of each day or week, oldest first. */
interface Series {
  readonly group: string;
  readonly positions: readonly string[];
  of(value: (figures: Figures) => number | null): (number | null)[];
}

export function activityCharts({ periods, group, total }: Report): Html {
  const series: Series = {
    group,
    positions: periods.map(({ start }) => start),
    of: (value) => periods.map(value),
  };
  return html`<div class="pair">
    ${commits(series)} ${mergeRequests(series)} ${pipelines(series)} ${timeToMerge(series)}
    ${commitHours(total)} ${issues(series)}
  </div>`;
}

function commits({ group, positions, of }: Series): Html {
  const drawn = [{ className: "c1", name: "commits", values: of((f) => f.commits) }];
  return chart(
    "Commits",
    barChart({ label: `Commits per ${group}`, positions, format: grouped, series: drawn }),
  );
}

function mergeRequests({ group, positions, of }: Series): Html {
  const drawn = [
    { className: "c5", name: "merged", values: of((f) => f.mergeRequests.merged) },
    { className: "c1", name: "opened", values: of((f) => f.mergeRequests.opened) },
    { className: "c4", name: "closed unmerged", values: of((f) => f.mergeRequests.closed) },
  ];
  const label = `Merge requests per ${group}`;
  return chart("Merge requests", barChart({ label, positions, format: grouped, series: drawn }));
}

function pipelines({ group, positions, of }: Series): Html {
  const drawn = [
    { className: "c2", name: "succeeded", values: of((f) => f.pipelines.success) },
    { className: "bad", name: "failed", values: of((f) => f.pipelines.failed) },
    { className: "c4", name: "cancelled", values: of((f) => f.pipelines.canceled) },
  ];
  return chart(
    "Pipelines",
    barChart({ label: `Pipelines per ${group}`, positions, format: grouped, series: drawn }),
  );
}

function timeToMerge({ group, positions, of }: Series): Html {
  const drawn = [
    { className: "c5", name: "median", values: of((f) => f.mergeRequests.timeToMergeSeconds.median) },
    { className: "c3", name: "90 %", values: of((f) => f.mergeRequests.timeToMergeSeconds.p90) },
  ];
  const label = `Time to merge per ${group}, median and 90th percentile`;
  return chart(
    "Time to merge",
    lineChart({ label, positions, format: timeText, top: niceSeconds, series: drawn }),
  );
}

function commitHours({ hours }: Figures): Html {
  const positions = hours.map((_, hour) => `${String(hour).padStart(2, "0")}:00`);
  const drawn = [{ className: "c1", name: "commits", values: hours }];
  const label = "Commits by the hour on their authors' clocks";
  return chart("Commits by hour of the day", barChart({ label, positions, format: grouped, series: drawn }));
}

function issues({ group, positions, of }: Series): Html {
  const drawn = [
    { className: "c5", name: "closed", values: of((f) => f.issues.closed) },
    { className: "c1", name: "opened", values: of((f) => f.issues.opened) },
  ];
  return chart(
    "Issues",
    barChart({ label: `Issues per ${group}`, positions, format: grouped, series: drawn }),
  );
}

function tile(label: string, value: string, note: string): Html {
  return html`<div class="tile">
    <span class="label">${label}</span><strong>${value}</strong><span class="note">${note}</span>
  </div>`;
}

function chart(title: string, drawing: Html): Html {
  return html`<section>
    <h2>${title}</h2>
    ${drawing}
  </section>`;
}

/** "4 min 10 s"; a dash if nothing was measured. */
export function timeText(seconds: number | null): string {
  return seconds === null ? "–" : seconds === 0 ? "0 s" : duration(seconds * 1000);
}

export function shareText(share: number | null): string {
  return share === null ? "–" : `${Math.round(share * 100)} %`;
}
