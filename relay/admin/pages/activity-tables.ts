/** Where the most of what happened came from: branches, jobs, and projects and people by whichever figure is asked for. */
import { html } from "hono/html";
import type { Asked } from "../../observe/activity/activity.ts";
import { isBot } from "../../observe/activity/bots.ts";
import type { Figures, Report } from "../../observe/activity/report.ts";
import { grouped } from "../../../lib/numbers.ts";
import { shareText, timeText } from "./activity-figures.ts";
import type { Html } from "./html.ts";

/** How the tables of projects and people are shown. */
export interface TableOptions {
  /** Whole, or cut. */
  readonly isLong: boolean;
  /** Key of a column, largest first; null, or a key that there is not: the busiest first. */
  readonly sort: string | null;
}

export interface ActivityTables extends TableOptions {
  readonly report: Report;
  readonly asked: Asked;
}

/** Rows of a table that is cut, and of one that is not. */
const ROWS = 10;
const ALL_ROWS = 500;

interface ColumnOf {
  readonly key: string;
  readonly title: string;
  readonly value: (figures: Figures) => number | null;
  readonly text: (value: number | null) => string;
}

const countText = (value: number | null): string => grouped(value ?? 0);

const COLUMNS: readonly ColumnOf[] = [
  { key: "commits", title: "Commits", value: (f) => f.commits, text: countText },
  { key: "opened", title: "Opened", value: (f) => f.mergeRequests.opened, text: countText },
  { key: "merged", title: "Merged", value: (f) => f.mergeRequests.merged, text: countText },
  {
    key: "time-to-merge",
    title: "Time to merge",
    value: (f) => f.mergeRequests.timeToMergeSeconds.median,
    text: timeText,
  },
  { key: "approvals", title: "Approvals", value: (f) => f.reviews.approvals, text: countText },
  { key: "comments", title: "Comments", value: (f) => f.reviews.comments, text: countText },
  { key: "issues", title: "Issues closed", value: (f) => f.issues.closed, text: countText },
  { key: "pipelines", title: "Pipelines", value: (f) => f.pipelines.successRate, text: shareText },
];

interface BreakdownRow {
  readonly name: string;
  /** What the page of this one alone is asked. */
  readonly asked: Asked;
  readonly figures: Figures;
}

export function activityTables(view: ActivityTables): Html {
  const { report, asked } = view;
  const { branches, pipelines } = report.total;
  const rowOf = (one: Report["authors"][number]): BreakdownRow => ({
    name: one.author,
    asked: { ...asked, author: one.author },
    figures: one,
  });
  const people = report.authors.filter(({ author }) => !isBot(author)).map(rowOf);
  const bots = report.authors.filter(({ author }) => isBot(author)).map(rowOf);
  const projects = report.projects.map((one) => ({
    name: one.project,
    asked: { ...asked, project: one.project },
    figures: one,
  }));
  return html`<div class="pair">
      ${ranking(
        "Branches",
        "Pushes",
        branches.map(({ name, pushes }) => [name, pushes]),
      )}
      ${ranking(
        "Failed jobs",
        "Failures",
        pipelines.failedJobs.map(({ name, count }) => [name, count]),
      )}
    </div>
    ${breakdown("Projects", projects, view)} ${breakdown("People", people, view)}
    ${bots.length === 0 ? "" : breakdown("Bots", bots, view)}`;
}

/** The parameters of a report in an address. */
export function activityQuery(asked: Asked): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(asked)) if (value !== null) parameters.set(name, value);
  return parameters.toString();
}

function ranking(title: string, unit: string, rows: readonly (readonly [string, number])[]): Html {
  const top = Math.max(1, ...rows.map(([, count]) => count));
  return html`<section>
    <h2>${title}</h2>
    ${
      rows.length === 0
        ? html`<p class="empty">None.</p>`
        : html`<table>
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col" class="num">${unit}</th>
                <th scope="col"><span class="sr">Share</span></th>
              </tr>
            </thead>
            <tbody>
              ${rows.slice(0, ROWS).map(
                ([name, count]) =>
                  html`<tr>
                    <th scope="row">${name}</th>
                    <td class="num">${grouped(count)}</td>
                    <td class="share">
                      <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
                        <rect class="c1" width="${Math.round((100 * count) / top)}" height="8" />
                      </svg>
                    </td>
                  </tr>`,
              )}
            </tbody>
          </table>`
    }
  </section>`;
}

function breakdown(
  title: string,
  rows: readonly BreakdownRow[],
  { asked, isLong, sort }: TableOptions & { readonly asked: Asked },
): Html {
  const by = COLUMNS.find(({ key }) => key === sort);
  const path = (key: string | undefined, isWhole: boolean): string =>
    `/activity?${activityQuery(asked)}${key === undefined ? "" : `&sort=${key}`}${isWhole ? "&rows=all" : ""}`;
  const shown = sorted(rows, by).slice(0, isLong ? ALL_ROWS : ROWS);
  return html`<section>
    <h2>${title}</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="${title}">
      <table>
        <thead>
          <tr>
            <th scope="col">Name</th>
            ${COLUMNS.map((column) => heading(column, column === by, path(column.key, isLong)))}
          </tr>
        </thead>
        <tbody>
          ${shown.map(
            ({ name, asked: own, figures }) =>
              html`<tr>
                <th scope="row"><a href="/activity?${activityQuery(own)}">${name}</a></th>
                ${COLUMNS.map(({ value, text }) => html`<td class="num">${text(value(figures))}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${
      isLong || shown.length === rows.length
        ? ""
        : html`<p class="more"><a href="${path(by?.key, true)}">All ${grouped(rows.length)}</a></p>`
    }
  </section>`;
}

function heading({ title }: ColumnOf, isSorted: boolean, path: string): Html {
  return html`<th scope="col" class="num" ${isSorted ? html`aria-sort="descending"` : ""}>
    <a href="${path}">${title}</a>${isSorted ? " ▼" : ""}
  </th>`;
}

/** Largest first; what was not measured comes last. */
function sorted(rows: readonly BreakdownRow[], by: ColumnOf | undefined): readonly BreakdownRow[] {
  if (by === undefined) return rows;
  const of = ({ figures }: BreakdownRow): number => by.value(figures) ?? Number.NEGATIVE_INFINITY;
  return rows.toSorted((a, b) => (of(a) === of(b) ? 0 : of(b) - of(a)));
}
