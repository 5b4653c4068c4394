/**
 * Events as rows of one line: when, how it stands, what, where, by whom, and a mark for each target with its last answer. On a
 * narrow screen each row becomes a card of two lines.
 */
import { html } from "hono/html";
import { shortRef } from "../../event/ref.ts";
import { instanceOf, type EventMeta } from "../../event/event.ts";
import { deadReasonOf } from "../../queue/dead-reason.ts";
import type { Delivery } from "../../queue/delivery-state.ts";
import { standingDeliveries } from "../../queue/filter.ts";
import type { EventSummary } from "../../queue/queue.ts";
import { exactly, pill, stateWord, type Html } from "./html.ts";
import { sentence } from "../../event/sentence.ts";

/** Deliveries that need a look come before those that are over. */
const BY_NEED: readonly Delivery["state"][] = ["dead", "waiting", "sending", "done"];

/** @param options.hasInstance whether a column names the GitLab of each */
export function eventTable(
  events: readonly EventSummary[],
  { hasInstance }: { readonly hasInstance: boolean },
): Html {
  return html`<table class="events">
    <thead>
      <tr>
        <th scope="col" class="when">Received</th>
        <th scope="col" class="state">State</th>
        <th scope="col" class="what">Event</th>
        ${hasInstance ? html`<th scope="col" class="instance">GitLab</th>` : ""}
        <th scope="col" class="project">Project</th>
        <th scope="col" class="actor">Actor</th>
        <th scope="col" class="to">Targets</th>
      </tr>
    </thead>
    <tbody>
      ${events.map((event) => row(event, hasInstance))}
    </tbody>
  </table>`;
}

function row(event: EventSummary, hasInstance: boolean): Html {
  const { meta } = event;
  const project = meta.projectPath ?? meta.groupPath ?? (meta.projectId === null ? "" : `${meta.projectId}`);
  return html`<tr data-id="${meta.id}">
    <td class="when">${exactly(meta.receivedAt)}</td>
    <td class="state">${pill(event.state)}</td>
    <td class="what" title="${sentence(meta, null)}">
      <a href="/events/${meta.id}"
        ><span class="kind">${kindWords(meta)}</span> <span class="subject">${subject(meta)}</span></a
      >${meta.recovered ? html` <span class="tag">recovered</span>` : ""}${meta.test === true ? html` <span class="tag">test</span>` : ""}${meta.twin === undefined ? "" : html` <span class="tag">twin</span>`}
    </td>
    ${hasInstance ? html`<td class="instance">${instanceOf(meta)}</td>` : ""}
    <td class="project" title="${project}">${project}</td>
    <td class="actor">${meta.actor ?? ""}</td>
    <td class="to">${marks(standingDeliveries(event.deliveries))}</td>
  </tr>`;
}

/** "merge request open", as GitLab's own words go. */
function kindWords({ kind, eventName, header, action }: EventMeta): string {
  const words = (kind ?? eventName ?? header ?? "unknown").replaceAll("_", " ");
  return action === null || action === "" ? words : `${words} ${action.replaceAll("_", " ")}`;
}

/** "!42 Cart keeps its content", else the branch or tag, else nothing. */
function subject(meta: EventMeta): string {
  const { iid, title, ref, kind, subjectType } = meta;
  const isRequest = kind === "merge_request" || subjectType === "MergeRequest";
  const number = iid === undefined ? "" : `${isRequest ? "!" : "#"}${iid}`;
  const name = title ?? (ref === null ? "" : shortRef(ref));
  return `${number} ${name}`.trim();
}

/** A mark for each target; the one that needs a look most is named with its last answer. */
function marks(deliveries: readonly Delivery[]): Html {
  const need = ({ state }: Delivery): number => BY_NEED.indexOf(state);
  const [worst] = deliveries.toSorted((a, b) => need(a) - need(b));
  if (worst === undefined) return html``;
  const others = deliveries.filter((delivery) => delivery !== worst || worst.state === "done");
  return html`${
    worst.state === "done"
      ? ""
      : html`<span class="to-one ${worst.state}" title="${told(worst)}"
          >${worst.target}${lastAnswer(worst)}</span
        > `
  }${others.map(
    (delivery) =>
      html`<span class="to-one mark-only ${delivery.state}" title="${told(delivery)}"
        ><span class="sr">${told(delivery)}</span></span
      >`,
  )}`;
}

function lastAnswer(delivery: Delivery): Html {
  const { history, attempts } = delivery;
  const last = history.at(-1);
  const none = delivery.state === "dead" && deadReasonOf(delivery) === "not sent" ? "not sent" : "no answer";
  const answer = last === undefined ? "" : (last.status ?? none);
  return html`${answer === "" ? "" : html` <b>${answer}</b>`}${attempts > 1 ? html` <small>×${attempts}</small>` : ""}`;
}

function told({ target, state, attempts, history }: Delivery): string {
  const status = history.at(-1)?.status ?? null;
  const answer = status === null ? "" : `, answered ${status}`;
  return `${target}: ${stateWord(state)}${answer}${attempts > 1 ? `, ${attempts} attempts` : ""}`;
}
