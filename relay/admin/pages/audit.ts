/** The audit trail as a page: who asked for which change, newest first. */
import { html } from "hono/html";
import type { AuditEntry, AuditPage } from "../../storage/audit-trail.ts";
import { when, type Html } from "./html.ts";

/** What routes do, in words: what was done, and what was refused. */
const WORDS: ReadonlyMap<string, readonly [done: string, refused: string]> = new Map([
  ["POST /events/replay", ["replayed a set of events", "could not replay a set of events"]],
  ["POST /events/:id/replay", ["replayed an event", "could not replay an event"]],
  ["POST /events/:id/delete", ["deleted an event", "could not delete an event"]],
  ["DELETE /events/:id", ["deleted an event", "could not delete an event"]],
  ["POST /dead/replay", ["replayed dead letters", "could not replay dead letters"]],
  ["POST /replays", ["started a replay job", "could not start a replay job"]],
  ["POST /replays/:id/pause", ["paused a replay job", "could not pause a replay job"]],
  ["POST /replays/:id/resume", ["resumed a replay job", "could not resume a replay job"]],
  ["POST /replays/:id/cancel", ["cancelled a replay job", "could not cancel a replay job"]],
  ["POST /targets/:name/move", ["moved deliveries", "could not move deliveries"]],
  ["POST /targets/:name/pause", ["paused a target", "could not pause a target"]],
  ["POST /targets/:name/resume", ["resumed a target", "could not resume a target"]],
]);

/** "paused a target"; what has no words of its own is shown as its route. */
function actionWords({ action, details, status }: AuditEntry): string {
  const [done, refused] = WORDS.get(action.replace(" /api/v1/", " /")) ?? [action, action];
  if (status !== null && status >= 400) return refused;
  const isCount = details.includes('"dryRun":true') || (action.endsWith("/replays") && status === 200);
  return isCount ? "counted what a replay would deliver" : done;
}

export function auditPage({ entries, cursor }: AuditPage): Html {
  return html`<h1>Audit trail</h1>
    ${entries.length === 0 ? html`<p class="muted">No change has been asked for yet.</p>` : table(entries)}
    <p>
      ${cursor === null ? "" : html`<a href="/audit?cursor=${encodeURIComponent(cursor)}">Older</a>`}
      <a href="/api/v1/audit/export">Export all as JSON lines</a>
    </p>`;
}

/** For the page of one event: what was asked for it. */
export function auditOfEvent(entries: readonly AuditEntry[]): Html | "" {
  return entries.length === 0
    ? ""
    : html`<section>
        <h2>Actions</h2>
        ${table(entries)}
      </section>`;
}

function table(entries: readonly AuditEntry[]): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Actions of people">
    <table class="cards">
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">Who</th>
          <th scope="col">What</th>
          <th scope="col">Object</th>
          <th scope="col">Answer</th>
        </tr>
      </thead>
      <tbody>
        ${entries.map(row)}
      </tbody>
    </table>
  </div>`;
}

function row(entry: AuditEntry): Html {
  const { at, person, via, client, subject, details, status } = entry;
  return html`<tr>
    <td>${when(at)}</td>
    <td title="signed in by ${via}, from ${client}">${person}</td>
    <td class="what">
      ${actionWords(entry)}${details === "" ? "" : html` <code class="muted">${details}</code>`}
    </td>
    <td>${subject ?? ""}</td>
    <td data-label="answer">${status ?? "none: the relay stopped before it answered"}</td>
  </tr>`;
}
