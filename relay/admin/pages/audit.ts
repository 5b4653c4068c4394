/** The audit trail as a page: who asked for which change, newest first. */
import { html } from "hono/html";
import type { AuditEntry, AuditPage } from "../../storage/audit-trail.ts";
import { when, type Html } from "./html.ts";

/** What routes do, in words. */
const WORDS: ReadonlyMap<string, string> = new Map([
  ["POST /events/replay", "replayed a set of events"],
  ["POST /events/:id/replay", "replayed an event"],
  ["POST /events/:id/delete", "deleted an event"],
  ["DELETE /events/:id", "deleted an event"],
  ["POST /dead/replay", "replayed dead letters"],
  ["POST /replays", "started a replay job"],
  ["POST /replays/:id/pause", "paused a replay job"],
  ["POST /replays/:id/resume", "resumed a replay job"],
  ["POST /replays/:id/cancel", "cancelled a replay job"],
  ["POST /targets/:name/move", "moved deliveries"],
  ["POST /targets/:name/pause", "paused a target"],
  ["POST /targets/:name/resume", "resumed a target"],
]);

/** "paused a target"; what has no words of its own is shown as its route. */
function actionWords(action: string): string {
  return WORDS.get(action.replace(" /api/v1/", " /")) ?? action;
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
    <table>
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

function row({ at, person, via, client, action, subject, details, status }: AuditEntry): Html {
  return html`<tr>
    <td>${when(at)}</td>
    <td title="signed in by ${via}, from ${client}">${person}</td>
    <td>${actionWords(action)}${details === "" ? "" : html` <code class="muted">${details}</code>`}</td>
    <td>${subject ?? ""}</td>
    <td>${status ?? "none: the relay stopped before it answered"}</td>
  </tr>`;
}
