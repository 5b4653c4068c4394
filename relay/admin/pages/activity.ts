/** What the events say about the work, as figures and charts. */
import { html } from "hono/html";
import type { Asked } from "../../observe/activity/activity.ts";
import type { Figures, Report } from "../../observe/activity/report.ts";
import { grouped } from "../../../lib/numbers.ts";
import { isBot } from "../../observe/activity/bots.ts";
import { activityCharts, activityTiles, shareText, timeText } from "./activity-figures.ts";
import type { Html } from "./html.ts";

export interface ActivityView {
  readonly report: Report;
  readonly asked: Asked;
  /** Wrong parameters, in words; null: none. */
  readonly problem: string | null;
  /** Whether tables are shown whole. */
  readonly isLong: boolean;
  /** Names of the GitLabs; empty: there is only one. */
  readonly instances: readonly string[];
}

export function activityPage({ report, asked, problem, isLong, instances }: ActivityView): Html {
  const isEmpty = report.projects.length === 0;
  return html`<div class="title">
      <h1>Activity</h1>
      <p class="side">
        <a class="button" href="/api/v1/activity?${query(asked)}" download="activity.json">JSON</a>
      </p>
    </div>
    ${rangeForm(asked, instances)}
    ${problem === null ? "" : html`<p class="problem" role="alert">${problem}</p>`}
    ${
      isEmpty
        ? html`<p class="empty">
            Nothing is counted for this choice. Pushes, merge requests, comments, issues, pipelines and
            deployments are counted as they arrive.
          </p>`
        : html`${activityTiles(report)} ${activityCharts(report)} ${tables({ report, asked, isLong })}`
    }`;
}

/** Where the most of what happened came from. */
function tables({ report, asked, isLong }: Pick<ActivityView, "report" | "asked" | "isLong">): Html {
  const { branches, pipelines } = report.total;
  const people = report.authors.filter(({ author }) => !isBot(author));
  const bots = report.authors.filter(({ author }) => isBot(author));
  const rowOf = (one: (typeof people)[number]): BreakdownRow => ({
    name: one.author,
    asked: { ...asked, author: one.author },
    figures: one,
  });
  const projects = report.projects.map((one) => ({
    name: one.project,
    asked: { ...asked, project: one.project },
    figures: one,
  }));
  const whole = isLong ? null : `/activity?${query(asked)}&rows=all`;
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
    ${breakdown("Projects", projects, whole)} ${breakdown("People", people.map(rowOf), whole)}
    ${bots.length === 0 ? "" : breakdown("Bots", bots.map(rowOf), whole)}`;
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

function rangeForm(asked: Asked, instances: readonly string[]): Html {
  return html`<form
    class="filters range${instances.length === 0 ? "" : " named"}"
    method="get"
    action="/activity"
  >
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
    ${
      instances.length === 0
        ? ""
        : html`<label
            >GitLab<select name="instance">
              <option value="">all</option>
              ${instances.map((name) => html`<option ${name === asked.instance ? "selected" : ""}>${name}</option>`)}
            </select></label
          >`
    }
    <label
      >Person<input name="author" value="${asked.author ?? ""}" placeholder="all" autocomplete="off"
    /></label>
    <div class="go"><button class="primary">Show</button></div>
  </form>`;
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

/** Rows of a table that is not shown whole. */
const ROWS = 10;
/** Of one that is. */
const ALL_ROWS = 500;

interface BreakdownRow {
  readonly name: string;
  /** What the page of this one alone is asked. */
  readonly asked: Asked;
  readonly figures: Figures;
}

/** @param whole path of the page with whole tables; null: this is it */
function breakdown(title: string, rows: readonly BreakdownRow[], whole: string | null): Html {
  const shown = rows.slice(0, whole === null ? ALL_ROWS : ROWS);
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
          ${shown.map(
            ({ name, asked, figures }) =>
              html`<tr>
                <th scope="row"><a href="/activity?${query(asked)}">${name}</a></th>
                <td class="num">${grouped(figures.commits)}</td>
                <td class="num">${grouped(figures.mergeRequests.opened)}</td>
                <td class="num">${grouped(figures.mergeRequests.merged)}</td>
                <td class="num">${timeText(figures.mergeRequests.timeToMergeSeconds.median)}</td>
                <td class="num">${grouped(figures.reviews.approvals)}</td>
                <td class="num">${grouped(figures.reviews.comments)}</td>
                <td class="num">${grouped(figures.issues.closed)}</td>
                <td class="num">${shareText(figures.pipelines.successRate)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${
      whole === null || shown.length === rows.length
        ? ""
        : html`<p class="more"><a href="${whole}">All ${grouped(rows.length)}</a></p>`
    }
  </section>`;
}

function query(asked: Asked): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(asked)) if (value !== null) parameters.set(name, value);
  return parameters.toString();
}
