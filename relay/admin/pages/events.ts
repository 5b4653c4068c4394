/** The list of events with its filters. */
import { html } from "hono/html";
import { orderOf, parseId, timeOfOrder } from "../../event/event-id.ts";
import type { EventFilter, EventPage, KindCounts, QueueStats } from "../../queue/queue.ts";
import { counted } from "../../../lib/numbers.ts";
import { exactly, type Html } from "./html.ts";
import type { Read } from "../api/query.ts";
import { filterForm } from "./filter-form.ts";
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
  readonly kinds: KindCounts;
  readonly byState: QueueStats["byState"];
  /** Wrong parameters, in words; null: none. */
  readonly problem: string | null;
}

export function eventsPage(view: EventsView): Html {
  const { read, page, problem } = view;
  const isFiltered = queryString(read) !== "";
  const cursor = read("cursor") ?? "";
  return html`<div class="title">
      <h1>Events</h1>
      <p class="side">
        ${isFiltered && problem === null ? html`<a href="/events/replay${queryString(read)}" class="button">Replay these…</a>` : ""}
        <a href="/replays" class="button">Replay jobs</a>
        ${problem === null ? html`<a href="/api/v1/events/export${queryString(read)}" class="button" download>Export</a>` : ""}
      </p>
    </div>
    ${filterForm({ ...view, from: view.filter.from, to: view.filter.to, isFiltered })}
    ${problem === null ? "" : html`<p class="problem" role="alert">${problem}</p>`}
    <div class="split">
      <div id="list" data-live>
        ${page.events.length === 0 ? emptyList(view) : eventTable(page.events, { hasInstance: view.instances.length > 0 })}
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
  if (page.cursor === null) return html`<p class="partial">The search was cut short.</p>`;
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

function emptyList({ read, page, problem }: EventsView): Html | "" {
  if (problem !== null) return "";
  if (page.partial) return html`<p class="empty">Nothing found so far.</p>`;
  if ((read("cursor") ?? "") !== "") return html`<p class="empty">There is nothing older.</p>`;
  return queryString(read) === ""
    ? html`<p class="empty">No events yet. New ones appear here by themselves.</p>`
    : html`<p class="empty">No events match. <a href="/events">Show all</a></p>`;
}
