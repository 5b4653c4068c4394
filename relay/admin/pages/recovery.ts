/** What the relay fetches back by itself from one GitLab, in one line: since when it was away, when recovery began, and what it brought. */
import { html } from "hono/html";
import type { InstanceRecovery } from "../../recovery/recoveries.ts";
import type { RecoveryResult } from "../../recovery/self-recovery.ts";
import { counted, grouped } from "../../../lib/numbers.ts";
import { when, type Html } from "./html.ts";

/** @param isNamed whether there are several GitLabs, so that this one is named */
export function recoveryLine({ instance, status }: InstanceRecovery, isNamed: boolean): Html {
  const { state, missed, beganAt, trouble, last } = status;
  const label = isNamed ? `Recovery of ${instance}` : "Recovery";
  if (missed === null)
    return last === null
      ? html`<span>${label}: nothing has been missed</span>`
      : html`<span>${label}: ${spanOf(last)}; ${broughtBack(last)}</span>`;
  const doing =
    state === "running" && beganAt !== null
      ? html`recovery began ${when(beganAt)}`
      : (trouble ?? "recovery begins as soon as the relay is ready");
  return html`<span>${label}: ${spanOf(missed)}; ${doing}</span>`;
}

function spanOf({ since, until, wasAway }: Pick<RecoveryResult, "since" | "until" | "wasAway">): Html {
  return html`${wasAway ? "away" : "webhooks got 503"} from ${when(since)} to ${when(until)}`;
}

function broughtBack({ beganAt, missed, delivered, text, ...lost }: RecoveryResult): Html {
  const what =
    missed === null || delivered === null ? text : `${grouped(delivered)} of ${grouped(missed)} delivered`;
  return html`recovery began ${when(beganAt)}; ${[what, ...lossesOf(lost)].join("; ")}`;
}

/** What no run can bring back. */
function lossesOf({ unrecoverable, unlogged }: Pick<RecoveryResult, "unrecoverable" | "unlogged">): string[] {
  return [
    ...(unrecoverable ? [`${grouped(unrecoverable)} can no longer be delivered`] : []),
    ...(unlogged
      ? [`GitLab sent and logged nothing in ${counted(unlogged, "time")} in which a hook was off`]
      : []),
  ];
}
