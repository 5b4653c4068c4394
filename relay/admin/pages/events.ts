/** The list of events with its filters, and the question before many are sent again. */
import { html } from "hono/html";
import { orderOf, parseId, timeOfOrder } from "../../event/event-id.ts";
import type { EventFilter, EventPage } from "../../queue/queue.ts";
import type { BulkResult } from "../api/actions.ts";
import { counted, grouped } from "../../../lib/numbers.ts";
import { exactly, stateWord, type Html } from "./html.ts";
import type { Read } from "../api/query.ts";
import { filterForm, selectField } from "./filter-form.ts";
import { queryString } from "./view.ts";
import { eventTable } from "./event-table.ts";

export interface EventsView {
  readonly read: Read;
  readonly page: EventPage;
  readonly limit: number;
  readonly targets: readonly string[];
  /** Names of the GitLabs; empty: there is only one. */
  readonly instances: readonly string[];
  readonly filter: EventFilter;
  /** Wrong parameters, in words; null: none. */
  readonly problem: string | null;
}

export function eventsPage(view: EventsView): Html {
  const { read, page } = view;
  const isFiltered = queryString(read) !== "";
  const cursor = read("cursor") ?? "";
  return html`<div class="title">
      <h1>Events</h1>
      <p class="side">
        ${isFiltered ? html`<a href="/events/replay${queryString(read)}" class="button">Replay these…</a>` : ""}
        <a href="/api/v1/events/export${queryString(read)}" class="button" download>Export</a>
      </p>
    </div>
    ${filterForm({ read, targets: view.targets, instances: view.instances, from: view.filter.from, to: view.filter.to, isFiltered })}
    ${view.problem === null ? "" : html`<p class="problem" role="alert">${view.problem}</p>`}
    <div class="split">
      <div id="list" data-live>
        ${page.events.length === 0 ? emptyList(isFiltered, page.partial, cursor !== "") : eventTable(page.events, { hasInstance: view.instances.length > 0 })}
        ${page.partial ? searchGoesOn(view) : ""}
        <nav class="pages" aria-label="Pages">
          ${cursor === "" ? "" : html`<a href="/events${queryString(read)}" rel="first">Newest</a>`}
          ${
            page.cursor === null || page.partial
              ? ""
              : html`<a
                  href="/events${queryString(read, { cursor: page.cursor, limit: limitOf(view) })}"
                  rel="next"
                  >Older</a
                >`
          }
        </nav>
      </div>
      <aside id="preview" aria-label="Preview" hidden></aside>
    </div>`;
}

/** The page's script goes on by itself; without it the link does. */
function searchGoesOn({ read, page, filter }: EventsView): Html {
  if (page.cursor === null) return html`<p class="partial">The search stopped early.</p>`;
  const [w0 = 0, w1 = 0] = parseId(page.cursor) ?? [];
  const looked = lookedBefore(read) + page.looked;
  const until = filter.from === undefined ? "" : html`, wanted is ${exactly(filter.from)}`;
  return html`<p class="partial" role="status">
    Searched back to ${exactly(timeOfOrder(orderOf(w0, w1)))}, ${counted(looked, "event")}${until}.
    <a
      href="/events${queryString(read, { cursor: page.cursor, limit: null, looked: String(looked) })}"
      data-search-on
      >Keep searching</a
    >
  </p>`;
}

/** Events that the pages before looked at. */
function lookedBefore(read: Read): number {
  const text = read("looked") ?? "";
  return /^\d{1,12}$/.test(text) ? Number(text) : 0;
}

function limitOf(view: EventsView): string | null {
  const given = view.read("limit");
  return given === undefined || given === "" ? null : given;
}

function emptyList(isFiltered: boolean, isPartial: boolean, isLater: boolean): Html {
  if (isPartial) return html`<p class="empty">Nothing found so far.</p>`;
  if (isLater) return html`<p class="empty">There is nothing older.</p>`;
  return isFiltered
    ? html`<p class="empty">No events match. <a href="/events">Show all</a></p>`
    : html`<p class="empty">No event is kept. What arrives shows here by itself.</p>`;
}

export interface BulkView {
  readonly read: Read;
  /** What goes out where no target is chosen: the deliveries in the filter's state, which is dead where it names none. */
  readonly preview: BulkResult;
  /** Events that go out where a target is chosen. */
  readonly all: BulkResult;
  readonly targets: readonly string[];
  readonly csrf: string;
  /** Filter fields to send along; the end of the time range is fixed at the time of the preview. */
  readonly fields: Readonly<Record<string, string>>;
}

export function bulkPage(view: BulkView): Html {
  const { preview, all, read } = view;
  const chosen = Object.entries(view.fields);
  return html`<h1>Replay a set of events</h1>
    <dl class="facts">
      ${chosen.map(
        ([name, value]) =>
          html`<dt>${name}</dt>
            <dd>${value}</dd>`,
      )}
    </dl>
    ${
      all.count === 0
        ? html`<p class="empty">
            No events match. <a href="/events${queryString(read)}">Back to the list</a>
          </p>`
        : html`<form method="post" action="/events/replay" class="panel">
            <p class="lead" id="preview">${whatGoesOut(view)}</p>
            <p class="muted">
              The oldest go first, at the pace of each target. What arrives from now on is not part of it.
            </p>
            <input type="hidden" name="_csrf" value="${view.csrf}" />
            ${chosen.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)}
            ${selectField({
              name: "replayTo",
              label: "To",
              value: "",
              none: preview.count === 0 ? "choose a target" : "the targets of these deliveries",
              options: view.targets.map((name) => [
                name,
                `${name}: ${bulkCount(all, "event")}, whatever became of them`,
              ]),
            })}
            <p>
              <button class="primary">Replay</button>
              <a href="/events${queryString(read)}">Cancel</a>
            </p>
          </form>`
    }`;
}

function whatGoesOut({ preview, fields }: BulkView): string {
  const state = stateWord(fields["state"] ?? "dead");
  const to = fields["target"] === undefined ? "" : ` to ${fields["target"]}`;
  if (preview.deliveries === 0)
    return `None of them is a ${state}${to}: choose the target that is to get them.`;
  const deliveries = counted(preview.deliveries, "delivery");
  return `${bulkCount(preview, "event")}${to}: ${deliveries} (${state}) will be queued for replay.`;
}

function bulkCount({ count, more }: BulkResult, noun: string): string {
  return more ? `the oldest ${grouped(count)} ${noun}s` : counted(count, noun);
}
