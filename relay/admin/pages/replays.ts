/** Replay jobs: the question before one starts, the list, and how far one is. */
import { html } from "hono/html";
import { counted, grouped } from "../../../lib/numbers.ts";
import type { ReplayCount, ReplayJob, ReplayState } from "../../queue/replay-job.ts";
import { countText, progressOf, targetsText } from "../../replay/progress.ts";
import { MAX_RATE } from "../api/replay-routes.ts";
import { filterJson } from "../api/replay-json.ts";
import type { Read } from "../api/query.ts";
import { ask } from "./ask.ts";
import { selectField } from "./filter-form.ts";
import { exactly, stateWord, when, type Html } from "./html.ts";
import { queryString } from "./view.ts";

export interface ReplayQuestion {
  readonly read: Read;
  /** What goes out if no target is chosen: the deliveries in the filter's state, which is dead where it names none. */
  readonly failed: ReplayCount;
  /** What goes out where a target is chosen, over all targets. */
  readonly all: ReplayCount;
  readonly targets: readonly string[];
  readonly csrf: string;
  /** Filter fields to send along; times are fixed at the time of the question. */
  readonly fields: Readonly<Record<string, string>>;
}

export function replayQuestion(view: ReplayQuestion): Html {
  const { failed, all, read } = view;
  const chosen = Object.entries(view.fields);
  const list = `/events${queryString(read)}`;
  return html`<h1>Replay a set of events</h1>
    <dl class="facts">
      ${chosen.map(
        ([name, value]) =>
          html`<dt>${FIELD_WORDS.get(name) ?? upperFirst(name)}</dt>
            <dd>${fieldValue(name, value)}</dd>`,
      )}
    </dl>
    ${
      all.events === 0 && failed.events === 0
        ? html`<p class="empty">No events match. <a href="${list}">Back to the list</a></p>`
        : html`<form method="post" action="/events/replay" class="panel">
            <p class="lead" id="preview">${whatGoesOut(view)}</p>
            <p class="muted">
              The oldest go first, at the pace of each target. Events that arrive from now on are not part of
              the set.
            </p>
            <input type="hidden" name="_csrf" value="${view.csrf}" />
            <input type="hidden" name="back" value="${list}" />
            ${chosen.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)}
            ${selectField({
              name: "replayTo",
              label: "To",
              value: "",
              none:
                failed.deliveries === 0 && failed.isWhole
                  ? "choose a target"
                  : "the targets of these deliveries",
              options: view.targets.map((name) => [
                name,
                `${name}: ${eventsOf(all)}, whatever became of them`,
              ]),
            })}
            <label
              >Deliveries per second, at most<input
                type="number"
                name="rate"
                min="1"
                max="${MAX_RATE}"
                step="1"
                placeholder="no limit"
            /></label>
            <p>
              <button class="primary">Replay</button>
              <a href="${list}">Cancel</a>
            </p>
          </form>`
    }`;
}

/** Filters whose names say too little here. */
const FIELD_WORDS: ReadonlyMap<string, string> = new Map([
  ["q", "Words"],
  ["status", "Answer"],
  ["from", "Received from"],
  ["to", "Received until"],
  ["instance", "GitLab"],
]);

function fieldValue(name: string, value: string): Html | string {
  const ms = name === "from" || name === "to" ? Date.parse(value) : Number.NaN;
  if (!Number.isNaN(ms)) return exactly(ms);
  return name === "state" ? value.split(",").map(stateWord).join(", ") : value;
}

function whatGoesOut({ failed, fields }: ReplayQuestion): string {
  const state = fields["state"] ?? "dead";
  if (failed.deliveries > 0) return goesOutText(failed, state.split(","));
  if (!failed.isWhole) return "There is too much to count at once: whatever fits will be replayed.";
  const to = fields["target"] === undefined ? "" : ` to ${fields["target"]}`;
  const none = state === "dead" ? `is a dead letter${to}` : `has a delivery${to} to repeat`;
  return `None of them ${none}: choose the target that should get them.`;
}

/** "421 dead letters of 300 events will be replayed to ci-bot." */
function goesOutText(count: ReplayCount, states: readonly string[]): string {
  const { events, deliveries, isWhole } = count;
  const isDead = states.length === 1 && states[0] === "dead";
  const what = isDead
    ? counted(deliveries, "dead letter")
    : `${counted(deliveries, "delivery")} (${states.map(stateWord).join(", ")})`;
  return `${isWhole ? "" : "At least "}${what} of ${counted(events, "event")} will be replayed to ${targetsText(count)}.`;
}

function eventsOf({ events, isWhole }: ReplayCount): string {
  return isWhole ? counted(events, "event") : `at least ${counted(events, "event")}`;
}

export function replaysPage(jobs: readonly ReplayJob[]): Html {
  return html`<h1>Replay jobs</h1>
    <div id="replays" data-live data-refresh>
      ${
        jobs.length === 0
          ? html`<p class="empty">
              None. Filter the <a href="/events">list of events</a>, then <em>Replay these…</em>
            </p>`
          : html`<div class="scroll" tabindex="0" role="region" aria-label="Replay jobs">
              <table class="cards">
                <thead>
                  <tr>
                    <th scope="col">Started</th>
                    <th scope="col">State</th>
                    <th scope="col">What</th>
                    <th scope="col">Delivered</th>
                    <th scope="col">Failed again</th>
                    <th scope="col">By</th>
                  </tr>
                </thead>
                <tbody>
                  ${jobs.map(row)}
                </tbody>
              </table>
            </div>`
      }
    </div>`;
}

function row(job: ReplayJob): Html {
  const { delivered, failed } = progressOf(job);
  const { id, createdAt, createdBy, expected } = job.plan;
  return html`<tr>
    <td><a href="/replays/${id}">${when(createdAt)}</a></td>
    <td>${statePill(job)}</td>
    <td class="what">${countText(expected)}<br /><span class="muted">${filterText(job)}</span></td>
    <td data-label="delivered">${grouped(delivered)}</td>
    <td data-label="failed again">${grouped(failed)}</td>
    <td data-label="by">${createdBy}</td>
  </tr>`;
}

export interface ReplayView {
  readonly job: ReplayJob;
  readonly mayAct: boolean;
  readonly csrf: string;
}

export function replayPage(view: ReplayView): Html {
  const { job } = view;
  const { plan, endedAt, parts } = job;
  const progress = progressOf(job);
  const ended = progress.delivered + progress.failed + progress.gone;
  const facts: readonly (readonly [string, number])[] = [
    ["Delivered", progress.delivered],
    ["Failed again", progress.failed],
    ["Waiting or being sent", progress.open],
    job.state === "cancelled"
      ? ["Cancelled before their turn", progress.cancelled]
      : ["Not queued yet", progress.remaining],
    ["No longer there", progress.gone],
  ];
  return html`<div class="title">
      <h1>Replay job</h1>
      <p class="side"><a href="/events${filterQuery(job)}" class="button">Events</a></p>
    </div>
    <p class="sub">
      ${upperFirst(countText(plan.expected))}. Started ${when(plan.createdAt)} by
      ${plan.createdBy}${plan.ratePerSecond === null ? "" : html`, at most ${grouped(plan.ratePerSecond)} per second`}.
      <a href="/replays">All replay jobs</a>
    </p>
    <section class="panel" id="replay" data-live data-refresh>
      <p>${statePill(job)} ${endedAt === null ? "" : html`<span class="muted">${when(endedAt)}</span>`}</p>
      <progress
        class="replay"
        max="${Math.max(1, ended + progress.open + progress.remaining + progress.cancelled)}"
        value="${ended}"
        aria-label="Deliveries that have ended"
      ></progress>
      <dl class="facts">
        ${facts.map(
          ([name, count]) =>
            html`<dt>${name}</dt>
              <dd>${grouped(count)}</dd>`,
        )}
      </dl>
      ${
        parts.length < 2
          ? ""
          : html`<ul class="reasons">
              ${parts.map(
                ({ target, queued, delivered, failed }) =>
                  html`<li>
                    <strong>${grouped(delivered)}</strong>
                    <div>
                      to <a href="/targets/${encodeURIComponent(target)}">${target}</a>; ${grouped(queued)}
                      queued, ${grouped(failed)} failed again
                    </div>
                  </li>`,
              )}
            </ul>`
      }
      ${view.mayAct ? changes(view) : ""}
    </section>
    <p class="muted">${filterText(job)}</p>`;
}

function changes({ job: { plan, state, parts }, csrf }: ReplayView): Html | "" {
  const at = `/replays/${plan.id}`;
  if (state !== "running" && state !== "paused") return "";
  const to = parts.map(({ target }) => target).join(", ");
  return html`<p>
    ${
      state === "running"
        ? ask({
            action: `${at}/pause`,
            csrf,
            label: "Pause",
            text: "Nothing more is queued until the job is resumed. What is already queued still goes out.",
            confirm: "Pause the job",
          })
        : ask({
            action: `${at}/resume`,
            csrf,
            label: "Resume",
            text: `The job goes on where it was, to ${to}.`,
            confirm: "Resume the job",
          })
    }
    ${ask({
      action: `${at}/cancel`,
      csrf,
      label: "Cancel the rest",
      text: "Nothing more is queued. What is already queued still goes out.",
      confirm: "Cancel the job",
      isFinal: true,
    })}
  </p>`;
}

const STATE_LOOKS: Readonly<Record<ReplayState, string>> = {
  running: "sending",
  paused: "waiting",
  done: "done",
  cancelled: "unmatched",
};

/** A job that has ended is not good news while some of its deliveries have failed again: it looks as they do, and says how many. */
function statePill(job: ReplayJob): Html {
  const { state } = job;
  const { failed } = progressOf(job);
  if (failed === 0) return html`<span class="pill ${STATE_LOOKS[state]}">${state}</span>`;
  const looks = state === "done" ? "dead" : STATE_LOOKS[state];
  return html`<span class="pill ${looks}">${state}, ${grouped(failed)} failed again</span>`;
}

function filterFields({ plan }: ReplayJob): [name: string, value: string][] {
  return Object.entries(filterJson(plan.filter)).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(",") : String(value),
  ]);
}

function filterText(job: ReplayJob): string {
  const fields = filterFields(job).map(([name, value]) => `${name}: ${value}`);
  const to = job.plan.targets === null ? "" : `; to ${job.plan.targets.join(", ")}`;
  return `${fields.length === 0 ? "All events" : `Filter: ${fields.join("; ")}`}${to}`;
}

/** The list of events by the job's filter. */
function filterQuery(job: ReplayJob): string {
  const query = new URLSearchParams(filterFields(job)).toString();
  return query === "" ? "" : `?${query}`;
}

function upperFirst(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
