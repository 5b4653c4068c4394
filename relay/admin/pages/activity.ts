/** What the events say about the work, as figures and charts. */
import { html } from "hono/html";
import type { Asked } from "../../observe/activity/activity.ts";
import type { Figures, Report } from "../../observe/activity/report.ts";
import { barChart, lineChart, niceSeconds } from "./charts.ts";
import { counted, grouped } from "../../../lib/numbers.ts";
import { duration, type Html } from "./html.ts";

export interface ActivityView {
  readonly report: Report;
  readonly asked: Asked;
  /** Wrong parameters, in words; null: none. */
  readonly problem: string | null;
}

export function activityPage({ report, asked, problem }: ActivityView): Html {
  const { total, periods } = report;
  const starts = periods.map((period) => period.start);
  const of = (value: (figures: Figures) => number | null): (number | null)[] => periods.map(value);
  const isEmpty = report.projects.length === 0;
  return html`<div class="title">
      <h1>Activity</h1>
      <p class="side">
        <a class="button" href="/api/v1/activity?${query(asked)}" download="activity.json">JSON</a>
      </p>
    </div>
    ${rangeForm(asked)} ${problem === null ? "" : html`<p class="problem" role="alert">${problem}</p>`}
    ${
      isEmpty
        ? html`<p class="empty">
            Nothing is counted for this choice. Pushes, merge requests, comments, issues, pipelines and
            deployments are counted as they arrive.
          </p>`
        : html`<section class="tiles" aria-label="In all">
              ${tile("Commits", grouped(total.commits), `${grouped(total.files.added)} files added, ${grouped(total.files.modified)} changed, ${grouped(total.files.removed)} removed`)}
              ${tile("Merged", grouped(total.mergeRequests.merged), `${grouped(total.mergeRequests.opened)} opened, ${grouped(total.mergeRequests.closed)} closed unmerged`)}
              ${tile("Time to merge", time(total.mergeRequests.timeToMergeSeconds.median), `median; 90 % within ${time(total.mergeRequests.timeToMergeSeconds.p90)}`)}
              ${tile("Reviewed", percent(total.reviews.participation), `of what was merged; ${counted(total.reviews.approvals, "approval")}, ${counted(total.reviews.comments, "comment")}`)}
              ${tile("Pipelines", percent(total.pipelines.successRate), `succeeded; ${grouped(total.pipelines.failed)} of ${grouped(total.pipelines.success + total.pipelines.failed)} failed`)}
              ${tile("Pipeline time", time(total.pipelines.durationSeconds.median), `median; 90 % within ${time(total.pipelines.durationSeconds.p90)}`)}
              ${tile("Issues closed", grouped(total.issues.closed), `${grouped(total.issues.opened)} opened`)}
              ${tile("Time open", time(total.issues.timeOpenSeconds.median), `median; 90 % within ${time(total.issues.timeOpenSeconds.p90)}`)}
              ${tile("Deployments", grouped(total.deployments.success), `${grouped(total.deployments.failed)} failed`)}
              ${tile("Projects", grouped(report.projects.length), counted(report.authors.length, "person").replace("persons", "people"))}
            </section>
            <div class="pair">
              ${chart("Commits", barChart({ label: `Commits per ${asked.group}`, positions: starts, format: grouped, series: [{ className: "c1", name: "commits", values: of((f) => f.commits) }] }))}
              ${chart(
                "Merge requests",
                barChart({
                  label: `Merge requests per ${asked.group}`,
                  positions: starts,
                  format: grouped,
                  series: [
                    { className: "c5", name: "merged", values: of((f) => f.mergeRequests.merged) },
                    { className: "c1", name: "opened", values: of((f) => f.mergeRequests.opened) },
                    { className: "c4", name: "closed", values: of((f) => f.mergeRequests.closed) },
                  ],
                }),
              )}
              ${chart(
                "Pipelines",
                barChart({
                  label: `Pipelines per ${asked.group}`,
                  positions: starts,
                  format: grouped,
                  series: [
                    { className: "c2", name: "succeeded", values: of((f) => f.pipelines.success) },
                    { className: "bad", name: "failed", values: of((f) => f.pipelines.failed) },
                    { className: "c4", name: "cancelled", values: of((f) => f.pipelines.canceled) },
                  ],
                }),
              )}
              ${chart(
                "Time to merge",
                lineChart({
                  label: `Time to merge per ${asked.group}, median and 90th percentile`,
                  positions: starts,
                  format: (seconds) => time(seconds),
                  top: niceSeconds,
                  series: [
                    {
                      className: "c5",
                      name: "median",
                      values: of((f) => f.mergeRequests.timeToMergeSeconds.median),
                    },
                    {
                      className: "c3",
                      name: "90 %",
                      values: of((f) => f.mergeRequests.timeToMergeSeconds.p90),
                    },
                  ],
                }),
              )}
              ${chart("Commits by hour of the day", barChart({ label: "Commits by the hour on their authors' clocks", positions: total.hours.map((_, hour) => `${String(hour).padStart(2, "0")}:00`), format: grouped, series: [{ className: "c1", name: "commits", values: total.hours }] }))}
              ${chart(
                "Issues",
                barChart({
                  label: `Issues per ${asked.group}`,
                  positions: starts,
                  format: grouped,
                  series: [
                    { className: "c2", name: "closed", values: of((f) => f.issues.closed) },
                    { className: "c3", name: "opened", values: of((f) => f.issues.opened) },
                  ],
                }),
              )}
            </div>
            <div class="pair">
              ${ranking(
                "Branches",
                "Pushes",
                total.branches.map(({ name, pushes }) => [name, pushes]),
              )}
              ${ranking(
                "Failed jobs",
                "Failures",
                total.pipelines.failedJobs.map(({ name, count }) => [name, count]),
              )}
            </div>
            ${breakdown(
              "Projects",
              report.projects.map((one) => [one.project, { ...asked, project: one.project }, one]),
            )}
            ${breakdown(
              "People",
              report.authors.map((one) => [one.author, { ...asked, author: one.author }, one]),
            )}`
    }`;
}

/** Shown where nothing is counted. */
export function activityOffPage(): Html {
  return html`<h1>Activity</h1>
    <p class="empty">
      Activity is not counted. Set <code>activity: { enabled: true }</code> in relay.yaml and restart:
      commits, merge requests, reviews, issues, pipelines and deployments are then counted from the events,
      per project, person and day.
    </p>`;
}

function rangeForm(asked: Asked): Html {
  return html`<form class="filters range" method="get" action="/activity">
    <label>From<input type="date" name="from" value="${asked.from}" /></label>
    <label>To<input type="date" name="to" value="${asked.to}" /></label>
    <label
      >By<select name="group">
        ${["day", "week"].map((group) => html`<option ${group === asked.group ? "selected" : ""}>${group}</option>`)}
      </select></label
    >
    <label
      >Project<input name="project" value="${asked.project ?? ""}" placeholder="all" autocomplete="off"
    /></label>
    <label
      >Person<input name="author" value="${asked.author ?? ""}" placeholder="all" autocomplete="off"
    /></label>
    <div class="go"><button class="primary">Show</button></div>
  </form>`;
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
              ${rows.slice(0, 10).map(
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

function breakdown(title: string, rows: readonly (readonly [string, Asked, Figures])[]): Html {
  return html`<section>
    <h2>${title}</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="${title}">
      <table>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col" class="num">Commits</th>
            <th scope="col" class="num">Opened</th>
            <th scope="col" class="num">Merged</th>
            <th scope="col" class="num">Time to merge</th>
            <th scope="col" class="num">Approvals</th>
            <th scope="col" class="num">Comments</th>
            <th scope="col" class="num">Issues closed</th>
            <th scope="col" class="num">Pipelines</th>
          </tr>
        </thead>
        <tbody>
          ${rows.slice(0, 50).map(
            ([name, asked, figures]) =>
              html`<tr>
                <th scope="row"><a href="/activity?${query(asked)}">${name}</a></th>
                <td class="num">${grouped(figures.commits)}</td>
                <td class="num">${grouped(figures.mergeRequests.opened)}</td>
                <td class="num">${grouped(figures.mergeRequests.merged)}</td>
                <td class="num">${time(figures.mergeRequests.timeToMergeSeconds.median)}</td>
                <td class="num">${grouped(figures.reviews.approvals)}</td>
                <td class="num">${grouped(figures.reviews.comments)}</td>
                <td class="num">${grouped(figures.issues.closed)}</td>
                <td class="num">${percent(figures.pipelines.successRate)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}

function query(asked: Asked): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(asked)) if (value !== null) parameters.set(name, value);
  return parameters.toString();
}

function time(seconds: number | null): string {
  return seconds === null ? "–" : seconds === 0 ? "0 s" : duration(seconds * 1000);
}

function percent(share: number | null): string {
  return share === null ? "–" : `${Math.round(share * 100)} %`;
}
