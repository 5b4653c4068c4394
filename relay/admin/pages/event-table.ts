/** Events as rows: when, what, where to, how it stands. On a narrow screen each row becomes a card. */
import { html } from "hono/html";
import { latestDeliveries } from "../../queue/filter.ts";
import type { EventSummary } from "../../queue/queue.ts";
import { pill, stateWord, when, type Html } from "./html.ts";
import { sentence } from "../../event/sentence.ts";

export function eventTable(events: readonly EventSummary[]): Html {
  return html`<table class="events">
    <thead>
      <tr>
        <th scope="col">Received</th>
        <th scope="col">State</th>
        <th scope="col">Event</th>
        <th scope="col">Kind</th>
        <th scope="col">Targets</th>
      </tr>
    </thead>
    <tbody>
      ${events.map(row)}
    </tbody>
  </table>`;
}

function row(event: EventSummary): Html {
  const { meta } = event;
  return html`<tr data-id="${meta.id}">
    <td class="when">${when(meta.receivedAt)}</td>
    <td class="state">${pill(event.state)}</td>
    <td class="what"><a href="/events/${meta.id}">${sentence(meta, null)}</a></td>
    <td class="kind">
      ${meta.kind ?? "–"}${meta.recovered ? html` <span class="tag">recovered</span>` : ""}${meta.test === true ? html` <span class="tag">test</span>` : ""}
    </td>
    <td class="to">
      ${latestDeliveries(event.deliveries).map(
        (delivery) =>
          html`<span
            class="to-one ${delivery.state}"
            title="${delivery.target}: ${stateWord(delivery.state)}${delivery.attempts > 1 ? `, ${delivery.attempts} attempts` : ""}"
            >${delivery.target}${delivery.attempts > 1 ? html`<small> ×${delivery.attempts}</small>` : ""}</span
          >`,
      )}
    </td>
  </tr>`;
}
