/** In place of an event that is no longer kept. */
import { html } from "hono/html";
import type { Html } from "./html.ts";

export function gonePage(): Html {
  return html`<h1>There is no such event</h1>
    <p class="empty">
      It was removed, or retention no longer keeps it. <a href="/events" rel="up">All events</a>
    </p>`;
}
