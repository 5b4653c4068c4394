/** The first page: is all well, and if not, what is it. Everything on it is a figure that is at hand; no body, no scan. */
import { html } from "hono/html";
import type { AttentionItem } from "../../observe/attention/attention.ts";
import type { Minute } from "../../observe/minute-stats.ts";
import type { RecoveryDue } from "../../observe/recovery-due.ts";
import type { Check, QueueStats } from "../../queue/queue.ts";
import { barChart, lineChart } from "./charts.ts";
import { button, counted, duration, grouped, size, when, type Html } from "./html.ts";
import type { DeadLetters, TargetRow } from "./view.ts";
import type { EventSummary } from "../../queue/queue.ts";
import { eventTable } from "./event-table.ts";

export interface Overview {
  readonly now: number;
  readonly version: string;
  readonly startedAt: number;
  readonly stats: QueueStats;
  readonly checks: readonly Check[];
  readonly targets: readonly TargetRow[];
  readonly minutes: readonly Minute[];
  readonly totals: { readonly accepted: number; readonly duplicate: number; readonly unavailable: number };
  /** Null: none. */
  readonly dead: DeadLetters | null;
  readonly recovery: RecoveryDue | null;
  /** What needs an operator, most urgent first. */
  readonly attention: readonly AttentionItem[];
  /** Answered 401, 403 or 429 since the start. */
  readonly refused: number;
  readonly newest: readonly EventSummary[];
  /** Where webhooks are to be sent, such as https://hooks.acme.dev/webhooks/gitlab. */
  readonly webhookUrl: string;
  /** The file with the secret token that the relay made for itself; null where the settings have one. */
  readonly secretFile: string | null;
  readonly csrf: string;
}

export function overviewPage(view: Overview): Html {
  const { stats, now } = view;
  const lead = headline(view);
  const last = view.minutes.at(-2);
  const failing = view.targets.filter((target) => target.trouble !== null);
  const oldest = stats.oldestWaitingAt === null ? null : now - stats.oldestWaitingAt;
  const worst = view.minutes.flatMap((minute) => (minute.p99Ms === null ? [] : [minute.p99Ms]));
  const last99 = worst.length === 0 ? null : Math.max(...worst);
  const names = view.minutes.map((minute) => new Date(minute.at).toISOString().slice(11, 16));
  return html`<div id="lead" data-live>
      <h1 class="lead ${lead.tone}">
        ${lead.link === null ? lead.text : html`<a href="${lead.link}">${lead.text}</a>`}
      </h1>
      ${needs(view.attention.slice(1), now)}
    </div>
    <section class="tiles" id="tiles" data-live aria-label="At a glance">
      ${tile("Accepted", grouped(view.totals.accepted), `${last?.accepted ?? 0} in the last full minute`)}
      ${tile("Answered in", last99 === null ? "–" : duration(last99), last99 === null ? "nothing accepted lately" : "99 % of the last hour, at most")}
      ${tile("Waiting", grouped(stats.byState.waiting), `${grouped(stats.byState.sending)} being sent`)}
      ${tile("Oldest waiting", oldest === null ? "–" : duration(oldest), oldest === null ? "nothing waits" : "since receipt", oldest !== null && oldest > 900_000 ? "warn" : "")}
      ${tile("Dead letters", grouped(stats.byState.dead), stats.byState.dead === 0 ? "none" : html`<a href="/dead">look at them</a>`, stats.byState.dead > 0 ? "warn" : "")}
      ${tile("Targets failing", String(failing.length), `of ${view.targets.length}`, failing.length > 0 ? "bad" : "")}
      ${tile("Queue on disk", size(stats.bytes), `${counted(stats.events, "event")} kept`)}
      ${tile("Answered 503", grouped(view.totals.unavailable), "could not be stored", view.totals.unavailable > 0 ? "bad" : "")}
      ${tile("Refused", grouped(view.refused), "401 and 403 since the start", view.attention.some(({ kind }) => kind === "refused") ? "bad" : "")}
      ${tile("Recovery", view.recovery === null ? "not due" : "due", view.recovery?.text ?? "nothing is missing that the relay knows of", view.recovery === null ? "" : "warn")}
      ${tile("Up for", duration(now - view.startedAt), html`${when(view.startedAt)}, version ${view.version}`)}
    </section>
    <div class="pair" id="charts" data-live>
      <section>
        <h2>Webhooks per minute</h2>
        ${barChart({
          label: `Webhooks per minute over the last hour; ${counted(sum(view.minutes, "accepted"), "accepted event")}`,
          positions: names,
          format: grouped,
          series: [
            { className: "c1", name: "accepted", values: view.minutes.map((m) => m.accepted) },
            { className: "c4", name: "duplicate", values: view.minutes.map((m) => m.duplicate) },
            { className: "c3", name: "refused", values: view.minutes.map((m) => m.refused) },
            { className: "bad", name: "not stored", values: view.minutes.map((m) => m.unavailable) },
          ],
        })}
      </section>
      <section>
        <h2>Time to the answer</h2>
        ${lineChart({
          label: "Time to the answer of accepted webhooks over the last hour, median and 99th percentile",
          positions: names,
          format: duration,
          series: [
            { className: "c1", name: "median", values: view.minutes.map((m) => m.p50Ms) },
            { className: "c3", name: "99 %", values: view.minutes.map((m) => m.p99Ms) },
          ],
        })}
      </section>
    </div>
    <section>
      <h2>Targets</h2>
      <div id="targets" data-live>${targetTable(view.targets, view.csrf, now)}</div>
    </section>
    <div id="dead-groups" data-live>${view.dead === null ? "" : deadSection(view.dead)}</div>
    <section>
      <h2>Newest events</h2>
      <div id="newest" data-live>
        ${
          view.newest.length === 0
            ? firstSteps(view.webhookUrl, view.secretFile)
            : html`${eventTable(view.newest)}
                <p class="more"><a href="/events">All events</a></p>`
        }
      </div>
    </section>
    <section>
      <h2>Storage and durability</h2>
      <ul class="checks" id="checks" data-live>
        ${view.checks.map(
          (check) =>
            html`<li>
              <span class="mark-${check.ok ? "good" : "bad"}">${check.ok ? "holds" : "fails"}</span>
              <strong>${check.name}</strong> <span class="muted">${check.detail}</span>
            </li>`,
        )}
      </ul>
    </section>`;
}

const GROUPS = 5;

function deadSection({ groups }: DeadLetters): Html {
  return html`<section>
    <h2>Dead letters by reason</h2>
    <div class="panel">
      <ul class="reasons">
        ${groups.slice(0, GROUPS).map(
          (group) =>
            html`<li>
              <strong>${grouped(group.count)}</strong>
              <div>
                <a href="/events?state=dead&target=${group.target}">${group.target}</a> ${group.reason}
                <span class="muted">last ${when(group.lastAt)}</span>
              </div>
            </li>`,
        )}
      </ul>
      <p class="more"><a href="/dead">All dead letters</a></p>
    </div>
  </section>`;
}

function tile(label: string, value: string, note: string | Html, tone = ""): Html {
  return html`<div class="tile ${tone}">
    <span class="label">${label}</span>
    <strong>${value}</strong>
    <span class="note">${note}</span>
  </div>`;
}

/** Lines of the attention list that the overview shows below the headline. */
const NEEDS_SHOWN = 2;

/** The one sentence that matters most now. */
export function headline(view: Pick<Overview, "attention" | "stats">): {
  readonly tone: "good" | "warn" | "bad";
  readonly text: string;
  /** Path of the page that helps; null where nothing needs help. */
  readonly link: string | null;
} {
  const [first] = view.attention;
  if (first !== undefined)
    return { tone: first.severity === "critical" ? "bad" : "warn", text: first.text, link: first.link };
  const { stats } = view;
  if (stats.events === 0) return { tone: "good", text: "Ready; nothing has arrived yet", link: null };
  const onTheWay = stats.byState.waiting + stats.byState.sending;
  return {
    tone: "good",
    text: onTheWay > 0 ? `All well; ${grouped(onTheWay)} on the way` : "All well; everything is delivered",
    link: null,
  };
}

/** What else needs an operator, each with the page that helps. */
function needs(items: readonly AttentionItem[], now: number): Html | string {
  if (items.length === 0) return "";
  const left = items.length - NEEDS_SHOWN;
  return html`<ul class="needs" aria-label="What else needs you">
    ${items
      .slice(0, NEEDS_SHOWN)
      .map(
        ({ severity, text, link, since }) =>
          html`<li class="${severity === "critical" ? "bad" : "warn"}">
            <a href="${link}">${text}</a
            >${since === null ? "" : html` <span class="muted">for ${duration(Math.max(0, now - since))}</span>`}
          </li>`,
      )}
    ${left > 0 ? html`<li class="muted">and ${grouped(left)} more</li>` : ""}
  </ul>`;
}

export function targetTable(targets: readonly TargetRow[], csrf: string, now: number): Html {
  if (targets.length === 0)
    return html`<p class="empty">
      No target is configured: events are kept and shown here, and delivered nowhere. Set
      <code>RELAY_TARGET_URL</code>, or add <code>targets:</code> to relay.yaml.
    </p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Targets">
    <table class="targets">
      <thead>
        <tr>
          <th scope="col">Target</th>
          <th scope="col">State</th>
          <th scope="col" class="num">Waiting</th>
          <th scope="col" class="num">Oldest</th>
          <th scope="col" class="num">Sending</th>
          <th scope="col" class="num">Per minute</th>
          <th scope="col" class="num">Lanes</th>
          <th scope="col" class="num">Dead</th>
          <th scope="col"><span class="sr">Action</span></th>
        </tr>
      </thead>
      <tbody>
        ${targets.map(
          (target) =>
            html`<tr>
              <th scope="row"><a href="/targets#${target.name}">${target.name}</a></th>
              <td>${targetState(target, now)}</td>
              <td class="num">
                ${target.waiting === 0 ? "0" : html`<a href="/events?target=${target.name}&state=waiting">${grouped(target.waiting)}</a>`}
              </td>
              <td class="num">${target.oldestAt === null ? "–" : duration(now - target.oldestAt)}</td>
              <td class="num">${target.inFlight} <span class="muted">of ${target.concurrency}</span></td>
              <td class="num">${grouped(target.attemptsLastMinute)}</td>
              <td class="num">${grouped(target.lanes)}</td>
              <td class="num">
                ${target.dead === 0 ? "0" : html`<a href="/events?target=${target.name}&state=dead">${grouped(target.dead)}</a>`}
              </td>
              <td class="act">${pauseButton(target, csrf)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

export function pauseButton(target: TargetRow, csrf: string): Html {
  const verb = target.paused ? "resume" : "pause";
  const label = target.paused ? "Resume" : "Pause";
  return button(
    `/targets/${target.name}/${verb}`,
    csrf,
    html`${label} <span class="sr">${target.name}</span>`,
  );
}

export function targetState(target: TargetRow, now: number): Html {
  if (target.paused) return html`<span class="pill paused">paused</span>`;
  if (target.breaker === "open") {
    const left =
      target.breakerUntil === null
        ? ""
        : `, next try in ${duration(Math.max(1000, target.breakerUntil - now))}`;
    return html`<span class="pill dead">breaker open${left}</span>`;
  }
  if (target.breaker === "half-open") return html`<span class="pill waiting">probing</span>`;
  return html`<span class="pill done">${target.inFlight > 0 ? "delivering" : "ready"}</span>`;
}

function firstSteps(webhookUrl: string, secretFile: string | null): Html {
  const token = secretFile === null ? "$GITLAB_WEBHOOK_SECRET" : `$(cat ${secretFile})`;
  return html`<div class="empty">
    <p>No webhook has arrived yet. In GitLab, under Settings, Webhooks, add</p>
    <pre tabindex="0">${webhookUrl}</pre>
    <p>with the secret token that this relay expects, or try it from a shell:</p>
    <pre tabindex="0">
curl -X POST ${webhookUrl} \\
  -H "X-Gitlab-Token: ${token}" -H "X-Gitlab-Event: Push Hook" \\
  -d '{"object_kind":"push","ref":"refs/heads/main","user_username":"alice"}'</pre>
  </div>`;
}

function sum(minutes: readonly Minute[], field: "accepted"): number {
  return minutes.reduce((total, minute) => total + minute[field], 0);
}
