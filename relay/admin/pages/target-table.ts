/** Targets side by side: how each of them does, why it fails, and the one thing that can be done about it. */
import { html } from "hono/html";
import { counted, grouped, isMost } from "../../../lib/numbers.ts";
import { ask } from "./ask.ts";
import { duration, when, type Html } from "./html.ts";
import type { Masking } from "./masking.ts";
import { shareBar } from "./sparkline.ts";
import type { TargetRow } from "./view.ts";

export interface TargetTable {
  readonly targets: readonly TargetRow[];
  readonly masking: Pick<Masking, "text">;
  readonly csrf: string;
  /** Whether this person may pause and resume. */
  readonly mayAct: boolean;
  readonly now: number;
}

export function targetTable(table: TargetTable): Html {
  if (table.targets.length === 0)
    return html`<p class="empty">
      No target is configured: events are kept and shown, but not delivered. Set
      <code>RELAY_TARGET_URL</code>, or add <code>targets:</code> to relay.yaml; a change takes effect without
      a restart.
    </p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Targets">
    <table class="targets cards">
      <thead>
        <tr>
          <th scope="col">Target</th>
          <th scope="col">State</th>
          <th scope="col">Last hour</th>
          <th scope="col" class="num">p95</th>
          <th scope="col" class="num">Waiting</th>
          <th scope="col" class="num">Oldest</th>
          <th scope="col" class="num">Slots</th>
          <th scope="col" class="num">Dead</th>
          <th scope="col">Last error</th>
          <th scope="col"><span class="sr">Action</span></th>
        </tr>
      </thead>
      <tbody>
        ${table.targets.map((target) => row(target, table))}
      </tbody>
    </table>
  </div>`;
}

function row(target: TargetRow, { masking, csrf, mayAct, now }: TargetTable): Html {
  const { name, lastHour } = target;
  return html`<tr id="${name}">
    <th scope="row"><a href="/targets/${name}">${name}</a></th>
    <td>${targetState(target, now)}</td>
    <td class="hour">${successOf(target)}</td>
    <td data-label="p95" class="num">${lastHour.p95Ms === null ? "–" : duration(lastHour.p95Ms)}</td>
    <td data-label="waiting" class="num">
      ${target.waiting === 0 ? "0" : html`<a href="/events?target=${name}&state=waiting">${grouped(target.waiting)}</a>`}
      ${trendOf(target)}
    </td>
    <td data-label="oldest" class="num">
      ${target.oldestAt === null ? "–" : duration(now - target.oldestAt)}
    </td>
    <td data-label="slots" class="num">
      ${grouped(target.inFlight)} <span class="muted">of ${grouped(target.concurrency)}</span>
    </td>
    <td data-label="dead" class="num">
      ${target.dead === 0 ? "0" : html`<a href="/events?target=${name}&state=dead">${grouped(target.dead)}</a>`}
    </td>
    <td data-label="last error" class="error" title="${errorTitle(target, masking)}">
      ${lastErrorOf(target, masking)}
    </td>
    <td class="act">${mayAct ? pauseButton(target, csrf) : ""}</td>
  </tr>`;
}

/** "97 %" with a bar; says nothing of a target that nothing was sent to. */
function successOf({ lastHour: { succeeded, failed } }: TargetRow): Html | string {
  const all = succeeded + failed;
  if (all === 0) return html`<span class="muted">no attempts</span>`;
  const share = `${percent(succeeded / all)} of ${grouped(all)} attempts`;
  return html`${shareBar(succeeded, failed, `${share} succeeded`)}<span title="${share}"
      >${percent(succeeded / all)}</span
    >`;
}

/** Never rounds a failure away. */
export function percent(share: number): string {
  if (share > 0.995 && share < 1) return "99 %";
  if (share > 0 && share < 0.005) return "1 %";
  return `${Math.round(share * 100)} %`;
}

/** Whether the backlog grew or shrank in the last ten minutes. */
function trendOf({ trend, waiting }: TargetRow): Html | string {
  if (trend === 0 || (trend < 0 && waiting === 0)) return "";
  const word = trend > 0 ? "grew" : "shrank";
  const title = `${word} by ${grouped(Math.abs(trend))} in ten minutes`;
  return html`<span class="trend ${trend > 0 ? "up" : "down"}" title="${title}"
    >${trend > 0 ? "▲" : "▼"}<span class="sr">${title}</span></span
  >`;
}

export function lastErrorOf(
  { lastError, lastHour }: TargetRow,
  masking: Pick<Masking, "text">,
): Html | string {
  if (lastError === null)
    return html`<span class="muted">${lastHour.failed === 0 ? "none" : "none since the start"}</span>`;
  return html`<a href="/events/${lastError.eventId}">${masking.text(lastError.text)}</a>
    <span class="muted">${when(lastError.at)}</span>`;
}

function errorTitle({ lastError }: TargetRow, masking: Pick<Masking, "text">): string {
  return lastError === null ? "" : masking.text(lastError.text);
}

export function pauseButton(target: TargetRow, csrf: string): Html {
  const { name } = target;
  if (target.paused)
    return ask({
      action: `/targets/${name}/resume`,
      csrf,
      label: "Resume",
      of: name,
      text: `${counted(target.waiting, "waiting delivery")} to ${name} will go out, the oldest first.`,
      confirm: `Resume ${name}`,
    });
  return ask({
    action: `/targets/${name}/pause`,
    csrf,
    label: "Pause",
    of: name,
    text: `Deliveries to ${name} will wait until you resume it. They use up no attempts.`,
    confirm: `Pause ${name}`,
  });
}

export function targetState(target: TargetRow, now: number): Html {
  if (target.paused) return html`<span class="pill paused">paused</span>`;
  if (target.breaker === "open") {
    const left =
      target.breakerUntil === null
        ? ""
        : `, next attempt in ${duration(Math.max(1000, target.breakerUntil - now))}`;
    return html`<span class="pill dead">breaker open${left}</span>`;
  }
  if (target.trouble !== null) return html`<span class="pill dead">failing</span>`;
  const { attemptsLastTenMinutes: attempts, failedLastTenMinutes: failed } = target;
  if (isMost(failed, attempts))
    return html`<span class="pill waiting"
      >${grouped(failed)} of ${counted(attempts, "attempt")} failed</span
    >`;
  if (!target.enabled && target.waiting + target.sending === 0)
    return html`<span class="pill unmatched">switched off</span>`;
  if (target.breaker === "half-open") return html`<span class="pill waiting">probing</span>`;
  if (target.isBehind) return html`<span class="pill waiting">falling behind</span>`;
  return html`<span class="pill done">${target.inFlight > 0 ? "delivering" : "ready"}</span>`;
}
