/** In place of a page: an event that is no longer kept, a request that is refused. */
import { html } from "hono/html";
import type { Html } from "./html.ts";

export function gonePage(): Html {
  return html`<h1>There is no such event</h1>
    <p class="empty">
      It was removed, or retention no longer keeps it. <a href="/events" rel="up">All events</a>
    </p>`;
}

export function goneTargetPage(name: string): Html {
  return html`<h1>There is no target ${name}</h1>
    <p class="empty">
      The settings do not name it. What is kept for it is on the page of
      <a href="/targets#orphans" rel="up">targets</a>.
    </p>`;
}

export function missingPage(): Html {
  return html`<h1>There is nothing at this address</h1>
    <p class="empty">
      The sections are the <a href="/">overview</a>, <a href="/events">events</a>,
      <a href="/dead">dead letters</a> and <a href="/targets">targets</a>. Webhooks go to
      <code>/webhooks/gitlab</code>, by POST.
    </p>`;
}

export function refusedPage(message: string): Html {
  return html`<h1>This cannot be done</h1>
    <p class="problem" role="alert">${message}</p>
    <p><a href="/">Back to the overview</a></p>`;
}
