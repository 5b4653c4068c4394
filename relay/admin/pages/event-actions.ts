/** What can be done with an event: send it again, first of all to the targets that failed, or delete it. */
import { html } from "hono/html";
import { latestDeliveries, standingDeliveries } from "../../queue/filter.ts";
import type { EventSummary } from "../../queue/queue.ts";
import { ask } from "./ask.ts";
import type { Html } from "./html.ts";

export interface EventActions {
  readonly event: EventSummary;
  readonly targets: readonly string[];
  /** Whether this person may replay, and whether they may delete. */
  readonly mayAct: boolean;
  readonly mayDelete: boolean;
  readonly csrf: string;
}

export function eventActions(view: EventActions): Html {
  const path = `/events/${view.event.meta.id}`;
  return html`${view.mayAct ? replayButtons(path, view) : ""}
  ${
    view.mayDelete
      ? ask({
          action: `${path}/delete`,
          csrf: view.csrf,
          label: "Delete",
          text: "The event and its deliveries are removed for good. GitLab does not send it again.",
          confirm: "Delete the event",
          isFinal: true,
        })
      : ""
  }`;
}

/** Value of `replayTo` for the targets whose last delivery failed. */
export const FAILED = "(failed)";

/** Targets that exist and whose last delivery of the event is a dead letter. */
export function failedTargets({ deliveries }: EventSummary, targets: readonly string[]): string[] {
  return standingDeliveries(deliveries)
    .filter(({ state, target }) => state === "dead" && targets.includes(target))
    .map(({ target }) => target);
}

function replayButtons(path: string, { event, targets, csrf }: EventActions): Html {
  const failed = failedTargets(event, targets);
  const all = latestDeliveries(event.deliveries).filter(({ target }) => targets.includes(target)).length;
  const action = `${path}/replay`;
  const to = failed.length === 1 ? `${failed[0]}` : `${failed.length} failed targets`;
  return html`${
    failed.length === 0
      ? ""
      : ask({
          action,
          csrf,
          label: `Replay to ${to}`,
          text: `The event is queued again for ${failed.join(", ")}, as a new delivery.`,
          confirm: `Replay to ${to}`,
          fields: { replayTo: FAILED },
          className: "primary",
        })
  }
  ${
    targets.length === 0
      ? ""
      : ask({
          action,
          csrf,
          label: "Replay to a target",
          text: "The target gets the event again, even if it has it already.",
          confirm: "Replay to this target",
          inputs: html`<label
            >Target
            <select name="replayTo">
              ${targets.map((name) => html`<option ${name === failed[0] ? "selected" : ""}>${name}</option>`)}
            </select></label
          >`,
        })
  }
  ${
    all < 2
      ? ""
      : ask({
          action,
          csrf,
          label: `Replay to all ${all}`,
          text: `All ${all} targets get the event again, even those that have it already.`,
          confirm: `Replay to all ${all} targets`,
        })
  }`;
}
