/** What the events say about the work, as figures and charts. */
import { html } from "hono/html";
import type { Asked } from "../../observe/activity/activity.ts";
import { activityCharts, activityTiles } from "./activity-figures.ts";
import { activityQuery, activityTables, type ActivityTables } from "./activity-tables.ts";
import type { Html } from "./html.ts";

export interface ActivityView extends ActivityTables {
  /** Wrong parameters, in words; null: none. */
  readonly problem: string | null;
  /** Names of the GitLabs; empty: there is only one. */
  readonly instances: readonly string[];
}

export function activityPage(view: ActivityView): Html {
  const { report, asked, problem, instances } = view;
  const head = html`<h1>Activity</h1>`;
  if (problem !== null)
    return html`${head} ${rangeForm(asked, instances)}
      <p class="problem" role="alert">${problem}</p>`;
  return html`<div class="title">
      ${head}
      <p class="side">
        <a class="button" href="/api/v1/activity?${activityQuery(asked)}" download="activity.json">JSON</a>
      </p>
    </div>
    ${rangeForm(asked, instances)}
    ${
      report.projects.length === 0
        ? html`<p class="empty">
            Nothing is counted for this choice. Pushes, merge requests, comments, issues, pipelines and
            deployments are counted as they arrive.
          </p>`
        : html`${activityTiles(report)} ${activityCharts(report)} ${activityTables(view)}`
    }`;
}

/** Shown if nothing is counted. */
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
