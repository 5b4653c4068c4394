/** The facts of an event beside its timeline: what its metadata says, each with the list that it leads to. */
import { html } from "hono/html";
import type { Duplicates, EventSummary } from "../../queue/queue.ts";
import { when, type Html } from "./html.ts";

export interface FactsView {
  readonly event: EventSummary;
  readonly duplicates: Duplicates | null;
}

export function factsList({ event, duplicates }: FactsView): Html {
  const { meta } = event;
  const project = meta.projectPath ?? (meta.projectId === null ? null : String(meta.projectId));
  const rows: readonly (readonly [string, string | Html | null])[] = [
    ["Kind", meta.kind],
    ["Action", meta.action],
    ["Event name", meta.eventName],
    [
      "Project",
      project === null ? null : html`<a href="/events?project=${encodeURIComponent(project)}">${project}</a>`,
    ],
    ["Project id", meta.projectId === null ? null : String(meta.projectId)],
    ["Group", meta.groupPath ?? (meta.groupId === null ? null : String(meta.groupId))],
    ["Ref", meta.ref],
    ["Source branch", sourceOf(meta)],
    [
      "Actor",
      meta.actor === null
        ? null
        : html`<a href="/events?actor=${encodeURIComponent(meta.actor)}">${meta.actor}</a>`,
    ],
    ["Hook", meta.hookKey],
    [
      "GitLab",
      meta.instanceName === undefined
        ? null
        : html`<a href="/events?instance=${encodeURIComponent(meta.instanceName)}">${meta.instanceName}</a>`,
    ],
    ["Instance", meta.instance],
    ["Twin of", meta.twin === undefined ? null : html`<a href="/events/${meta.twin.of}">${meta.twin.of}</a>`],
    [
      "Pair",
      meta.pairKey === undefined
        ? null
        : html`<a href="/events?q=${meta.pairKey}">what a system hook and another hook sent of it</a>`,
    ],
    ["Delivery id", meta.deliveryId ?? "not sent"],
    ["Origin", originOf(meta)],
    ["Duplicates", duplicates === null ? null : duplicatesOf(duplicates, event)],
  ];
  return html`<dl class="facts">
    ${rows.map(([name, value]) =>
      value === null
        ? ""
        : html`<dt>${name}</dt>
            <dd>${value}</dd>`,
    )}
  </dl>`;
}

/** Where a merge request comes from, in words. */
function sourceOf({ projectId, sourceBranch, sourceProjectId }: EventSummary["meta"]): string | null {
  if (sourceBranch === undefined) return null;
  const isOwn = sourceProjectId === undefined || sourceProjectId === projectId;
  return isOwn ? sourceBranch : `${sourceBranch} of project ${sourceProjectId}`;
}

/** GitLab gets a success for each duplicate, whatever became of the first one. */
function duplicatesOf({ count, lastAt }: Duplicates, { state }: EventSummary): Html {
  const outcome = state === "dead" ? "not delivered: replay the event instead" : "not delivered again";
  return html`${count}, the last ${when(lastAt)}; ${outcome}`;
}

function originOf({ recovered, test }: EventSummary["meta"]): string {
  if (test === true) return "a test sent from GitLab";
  return recovered ? "recovered from GitLab's log" : "sent by GitLab";
}
