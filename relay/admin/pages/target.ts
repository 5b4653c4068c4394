/** One target: how it does, why it fails, what it gets, and within which limits it is served. */
import { html } from "hono/html";
import type { TargetMinute } from "../../observe/target-status.ts";
import type { TargetSettings } from "../../targets/registry.ts";
import { barChart } from "./charts.ts";
import { counted, grouped } from "../../../lib/numbers.ts";
import { duration, hourNames, when, type Html } from "./html.ts";
import type { Masking } from "./masking.ts";
import { lastErrorOf, pauseButton, percent, targetState } from "./target-table.ts";
import type { TargetRow } from "./view.ts";

export interface TargetView {
  readonly target: TargetRow;
  readonly minutes: readonly TargetMinute[];
  readonly settings: TargetSettings;
  readonly masking: Pick<Masking, "text">;
  readonly csrf: string;
  readonly mayAct: boolean;
  readonly now: number;
}

export function targetPage(view: TargetView): Html {
  const { target, csrf, mayAct, now } = view;
  return html`<div class="title">
      <div>
        <p class="crumb"><a href="/targets" rel="up">Targets</a></p>
        <h1>${target.name}</h1>
        <p class="sub" id="state" data-live>
          ${targetState(target, now)}
          ${target.address === null ? target.type : html`<code>${target.address}</code>`}
        </p>
      </div>
      <div class="side">
        <a class="button" href="/events?target=${target.name}">Events</a>
        ${mayAct ? pauseButton(target, csrf) : ""}
      </div>
    </div>
    <div class="columns">
      <section>
        <h2>Attempts per minute</h2>
        <div id="attempts" data-live>${attemptsChart(view.minutes)}</div>
      </section>
      <section>
        <h2>Now</h2>
        <dl class="facts" id="now" data-live>${facts(view)}</dl>
      </section>
    </div>
    ${errorSection(view)}
    <section>
      <h2>Settings</h2>
      <dl class="facts">${rules(view.settings)}</dl>
    </section>`;
}

function attemptsChart(minutes: readonly TargetMinute[]): Html {
  return barChart({
    label: "Attempts per minute over the last hour, succeeded and failed",
    positions: hourNames(minutes),
    format: grouped,
    series: [
      { className: "c2", name: "succeeded", values: minutes.map(({ counts }) => counts.succeeded) },
      { className: "bad", name: "failed", values: minutes.map(({ counts }) => counts.failed) },
    ],
  });
}

function facts({ target, masking, now }: TargetView): Html {
  const { lastHour } = target;
  const attempts = lastHour.succeeded + lastHour.failed;
  const hour =
    attempts === 0
      ? "no attempts"
      : `${percent(lastHour.succeeded / attempts)} of ${counted(attempts, "attempt")} succeeded, p95 ${lastHour.p95Ms === null ? "–" : duration(lastHour.p95Ms)}`;
  return html`<dt>Last hour</dt>
    <dd>${hour}</dd>
    <dt>Last error</dt>
    <dd>${lastErrorOf(target, masking)}</dd>
    <dt>Waiting</dt>
    <dd>
      <a href="/events?target=${target.name}&state=waiting">${grouped(target.waiting)}</a
      >${target.oldestAt === null ? "" : `, the oldest for ${duration(now - target.oldestAt)}`}${target.trend === 0 ? "" : `, ${target.trend > 0 ? "growing" : "shrinking"} by ${grouped(Math.abs(target.trend))} in ten minutes`}
    </dd>
    <dt>Slots</dt>
    <dd>
      ${grouped(target.inFlight)} of ${grouped(target.concurrency)} busy,
      ${counted(target.attemptsLastMinute, "attempt")} in the last
      minute${(target.rateWaitMs ?? 0) > 0 ? "; held back by the rate limit" : ""}
    </dd>
    <dt>Dead letters</dt>
    <dd><a href="/events?target=${target.name}&state=dead">${grouped(target.dead)}</a></dd>`;
}

function errorSection({ target, masking }: TargetView): Html {
  return html`<section>
    <h2>Errors since the start</h2>
    <div id="errors" data-live>
      ${
        target.errors.length === 0
          ? html`<p class="empty">No attempt has failed.</p>`
          : html`<table>
              <thead>
                <tr>
                  <th scope="col">Answer or error</th>
                  <th scope="col" class="num">Attempts</th>
                  <th scope="col">Last</th>
                </tr>
              </thead>
              <tbody>
                ${target.errors.map(
                  ({ name, count, lastAt }) =>
                    html`<tr>
                      <th scope="row">${masking.text(name)}</th>
                      <td class="num">${grouped(count)}</td>
                      <td>${when(lastAt)}</td>
                    </tr>`,
                )}
              </tbody>
            </table>`
      }
    </div>
  </section>`;
}

function rules(settings: TargetSettings): Html {
  const listed = (values: readonly (string | number)[] | undefined): string =>
    values === undefined || values.length === 0 ? "all" : values.join(", ");
  const { retry, rateLimit, breaker } = settings;
  return html`<dt>Filters</dt>
    <dd>
      ${settings.enabled ? "" : html`<strong>switched off</strong>; else `}events: ${listed(settings.events)};
      ${settings.instances === undefined ? "" : `GitLabs: ${listed(settings.instances)}; `}projects:
      ${listed(settings.projects)}; branches: ${listed(settings.branches)}
    </dd>
    <dt>Order</dt>
    <dd>${settings.ordering === "project" ? "the events of a project one after another" : "unordered"}</dd>
    <dt>Limits</dt>
    <dd>
      ${duration(settings.timeoutSeconds * 1000)}
      time-out${rateLimit === undefined ? "" : `, ${grouped(rateLimit.requests)} per ${duration(rateLimit.perSeconds * 1000)}`}
    </dd>
    <dt>Retries</dt>
    <dd>
      up to ${grouped(retry.maxAttempts)} attempts within ${duration(retry.maxAgeSeconds * 1000)}, at most
      ${duration(retry.capSeconds * 1000)} apart
    </dd>
    <dt>Breaker</dt>
    <dd>
      opens after ${grouped(breaker.failures)} failures in a row, for
      ${duration(breaker.cooldownSeconds * 1000)}
    </dd>`;
}
