/** The first page: what needs a person, then how the relay does. Everything on it is a figure that is at hand; no body, no scan. */
import { html } from "hono/html";
import type { AttentionItem } from "../../observe/attention/attention.ts";
import type { Minute } from "../../observe/hour/minute-stats.ts";
import type { Check, EventSummary, QueueStats } from "../../queue/queue.ts";
import type { InstanceRecovery } from "../../recovery/recoveries.ts";
import { barChart, lineChart } from "./charts.ts";
import { counted, grouped } from "../../../lib/numbers.ts";
import { reasonWords } from "./dead.ts";
import { duration, hourNames, size, when, withTimes, type Html } from "./html.ts";
import { eventTable } from "./event-table.ts";
import { firstSteps } from "./first-steps.ts";
import { recoveryLine } from "./recovery.ts";
import { sparkline } from "./sparkline.ts";
import { targetTable, type TargetTable } from "./target-table.ts";

export interface Overview extends TargetTable {
  readonly version: string;
  readonly startedAt: number;
  readonly stats: QueueStats;
  readonly checks: readonly Check[];
  readonly minutes: readonly Minute[];
  /** Answers since the start. */
  readonly totals: {
    readonly accepted: number;
    readonly duplicate: number;
    /** 401, 403 or 429. */
    readonly refused: number;
    /** 503. */
    readonly unavailable: number;
  };
  /** What the relay recovers by itself, by GitLab. */
  readonly recoveries: readonly InstanceRecovery[];
  /** What needs an operator, most urgent first. */
  readonly attention: readonly AttentionItem[];
  readonly newest: readonly EventSummary[];
  /** Names of the GitLabs; empty: there is only one. */
  readonly instances: readonly string[];
  /** Where webhooks go, such as https://hooks.acme.dev/webhooks/gitlab. */
  readonly webhookUrl: string;
  /** The file with the secret token that the relay made for itself; null if the settings have one. */
  readonly secretFile: string | null;
}

export function overviewPage(view: Overview): Html {
  return html`<div id="lead" data-live>${lead(view)} ${needs(view)}</div>
    <section class="tiles" id="tiles" data-live aria-label="At a glance">${tiles(view)}</section>
    <p class="figures" id="figures" data-live>${figures(view)}</p>
    ${
      view.recoveries.length === 0
        ? ""
        : html`<p class="figures" id="recovery" data-live>
            ${view.recoveries.map((one) => recoveryLine(one, view.instances.length > 0))}
          </p>`
    }
    <section>
      <h2>Targets</h2>
      <div id="targets" data-live>${targetTable(view)}</div>
    </section>
    <div class="pair" id="charts" data-live>${charts(view.minutes)}</div>
    <div id="dead-groups" data-live>${view.stats.byState.dead === 0 ? "" : deadSection(view.stats)}</div>
    <section>
      <h2>Newest events</h2>
      <div id="newest" data-live>
        ${
          view.newest.length === 0
            ? firstSteps(view.webhookUrl, view.secretFile)
            : html`${eventTable(view.newest, { hasInstance: view.instances.length > 0 })}
                <p class="more"><a href="/events">All events</a></p>`
        }
      </div>
    </section>
    <section>
      <h2>Storage and durability</h2>
      <ul class="checks" id="checks" data-live>
        ${view.checks.map(
          ({ name, ok, detail }) =>
            html`<li>
              <span class="mark-${ok ? "good" : "bad"}"
                >${ok ? "✓" : "✗"}<span class="sr">${ok ? "OK" : "failing"}</span></span
              >
              <strong>${name}</strong> <span class="muted">${detail}</span>
            </li>`,
        )}
      </ul>
    </section>`;
}

/** Lines of the attention list that the overview shows. */
const NEEDS_SHOWN = 3;

/** The one sentence that matters most now. */
export function headline({ attention, stats }: Pick<Overview, "attention" | "stats">): {
  readonly tone: "good" | "warn" | "bad";
  readonly text: string;
  /** Path of the page that helps; null if nothing needs help. */
  readonly link: string | null;
} {
  const [first] = attention;
  if (first !== undefined)
    return { tone: first.severity === "critical" ? "bad" : "warn", text: first.text, link: first.link };
  if (stats.events === 0) return { tone: "good", text: "Ready; nothing has arrived yet", link: null };
  const onTheWay = stats.byState.waiting + stats.byState.sending;
  return {
    tone: "good",
    text: onTheWay > 0 ? `All well; ${grouped(onTheWay)} on the way` : "All well; everything is delivered",
    link: null,
  };
}

function lead(view: Overview): Html {
  const { tone, text, link } = headline(view);
  return html`<h1 class="lead ${tone}">
    ${link === null ? text : html`<a href="${link}">${withTimes(view.masking.text(text), view.now)}</a>`}
  </h1>`;
}

/** What else needs an operator, each with the page that helps; beyond the first lines folded. */
function needs(view: Overview): Html | string {
  const [, ...items] = view.attention;
  if (items.length === 0) return "";
  const folded = items.slice(NEEDS_SHOWN - 1);
  const lines = (some: readonly AttentionItem[]): Html =>
    html`<ul class="needs">
      ${some.map((item) => needLine(item, view))}
    </ul>`;
  return html`<section class="what-else" aria-label="What else needs you">
    ${lines(items.slice(0, NEEDS_SHOWN - 1))}
    ${
      folded.length === 0
        ? ""
        : html`<details class="raw" data-keep="needs">
            <summary>and ${grouped(folded.length)} more</summary>
            ${lines(folded)}
          </details>`
    }
  </section>`;
}

function needLine(
  { severity, text, link, since }: AttentionItem,
  { now, masking }: Pick<Overview, "now" | "masking">,
): Html {
  return html`<li class="${severity === "critical" ? "bad" : "warn"}">
    <a href="${link}">${withTimes(masking.text(text), now)}</a
    >${since === null ? "" : html` <span class="muted">for ${duration(Math.max(0, now - since))}</span>`}
  </li>`;
}

function tiles({ minutes, stats, now }: Overview): Html {
  const full = minutes.at(-2);
  const oldest = stats.oldestWaitingAt === null ? null : now - stats.oldestWaitingAt;
  const arriving = minutes.map(({ accepted }) => accepted);
  const leaving = minutes.map(({ delivered }) => delivered);
  const positions = hourNames(minutes);
  return html`${tile({
    label: "In, per minute",
    value: grouped(full?.accepted ?? 0),
    note: `${grouped(sum(arriving))} accepted in the last hour`,
    drawn: sparkline({
      label: "Accepted per minute, last hour",
      values: arriving,
      positions,
      className: "c1",
    }),
  })}
  ${tile({
    label: "Out, per minute",
    value: grouped(full?.delivered ?? 0),
    note: `${grouped(sum(leaving))} delivered in the last hour`,
    drawn: sparkline({
      label: "Delivered per minute, last hour",
      values: leaving,
      positions,
      className: "c2",
    }),
  })}
  ${tile({
    label: "Waiting",
    value: grouped(stats.byState.waiting),
    note: `${grouped(stats.byState.sending)} being sent`,
  })}
  ${tile({
    label: "Oldest waiting",
    value: oldest === null ? "–" : duration(oldest),
    note: oldest === null ? "nothing waits" : "since receipt",
    tone: oldest !== null && oldest > 900_000 ? "warn" : "",
  })}`;
}

interface Tile {
  readonly label: string;
  readonly value: string;
  readonly note: string;
  readonly drawn?: Html;
  readonly tone?: string;
}

function tile({ label, value, note, drawn, tone = "" }: Tile): Html {
  return html`<div class="tile ${tone}">
    <span class="label">${label}</span>
    <strong>${value}</strong>
    <span class="note">${note}</span>
    ${drawn ?? ""}
  </div>`;
}

/** What is normally quiet, in one line. */
function figures({ stats, totals, minutes, startedAt, version }: Overview): Html {
  const worst = minutes.flatMap(({ p99Ms }) => (p99Ms === null ? [] : [p99Ms]));
  const slow = worst.length === 0 ? "–" : duration(Math.max(...worst));
  return html`<span>Dead letters <a href="/dead">${grouped(stats.byState.dead)}</a></span>
    <span title="p99, worst minute of the last hour">Response time <strong>${slow}</strong></span>
    <span
      >Since the start: refused <strong title="401, 403 and 429">${grouped(totals.refused)}</strong>, not
      stored <strong title="503">${grouped(totals.unavailable)}</strong>, duplicates
      <strong>${grouped(totals.duplicate)}</strong></span
    >
    <span>Kept <strong>${counted(stats.events, "event")}</strong>, ${size(stats.bytes)}</span>
    <span>Started ${when(startedAt)}, version ${version}</span>`;
}

function charts(minutes: readonly Minute[]): Html {
  const positions = hourNames(minutes);
  return html`<section>
      <h2>Webhooks per minute</h2>
      ${barChart({
        label: `Webhooks per minute over the last hour; ${counted(sum(minutes.map(({ accepted }) => accepted)), "accepted event")}`,
        positions,
        format: grouped,
        series: [
          { className: "c1", name: "accepted", values: minutes.map((m) => m.accepted) },
          { className: "c4", name: "duplicate", values: minutes.map((m) => m.duplicate) },
          { className: "c3", name: "refused", values: minutes.map((m) => m.refused) },
          { className: "bad", name: "not stored", values: minutes.map((m) => m.unavailable) },
        ],
      })}
    </section>
    <section>
      <h2>Response time</h2>
      ${lineChart({
        label: "Response time of accepted webhooks over the last hour, median and p99",
        positions,
        format: duration,
        series: [
          { className: "c1", name: "median", values: minutes.map((m) => m.p50Ms) },
          { className: "c3", name: "p99", values: minutes.map((m) => m.p99Ms) },
        ],
      })}
    </section>`;
}

const GROUPS = 5;

/** The most frequent of all dead letters, by target and reason. */
function deadSection({ targets }: QueueStats): Html {
  const groups = [...targets]
    .flatMap(([target, { deadReasons }]) =>
      [...deadReasons].map(([reason, count]) => ({ target, reason, count })),
    )
    .sort((one, other) => other.count - one.count);
  return html`<section>
    <h2>Dead letters by reason</h2>
    <div class="panel">
      <ul class="reasons">
        ${groups.slice(0, GROUPS).map(
          ({ target, reason, count }) =>
            html`<li>
              <strong>${grouped(count)}</strong>
              <div>
                <a href="/events?state=dead&target=${encodeURIComponent(target)}">${target}</a>
                ${reasonWords(reason)}
              </div>
            </li>`,
        )}
      </ul>
      <p class="more"><a href="/dead">All dead letters</a></p>
    </div>
  </section>`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
