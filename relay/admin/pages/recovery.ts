/** What the relay fetches back by itself, in one line: since when it was away, when recovery began, and what it brought. */
import { html } from "hono/html";
import type { RecoveryResult, RecoveryStatus } from "../../recovery/self-recovery.ts";
import { grouped } from "../../../lib/numbers.ts";
import { when, type Html } from "./html.ts";

export function recoveryLine({ state, missed, beganAt, trouble, last }: RecoveryStatus): Html {
  if (missed === null)
    return last === null
      ? html`<span>Recovery: nothing has been missed</span>`
      : html`<span>Recovery: ${spanOf(last)}; ${broughtBack(last)}</span>`;
  const doing =
    state === "running" && beganAt !== null
      ? html`recovery began ${when(beganAt)}`
      : (trouble ?? "recovery begins as soon as the relay is ready");
  return html`<span>Recovery: ${spanOf(missed)}; ${doing}</span>`;
}

function spanOf({ since, until, wasAway }: Pick<RecoveryResult, "since" | "until" | "wasAway">): Html {
  return html`${wasAway ? "away" : "webhooks got 503"} from ${when(since)} to ${when(until)}`;
}

function broughtBack({ beganAt, missed, delivered, text }: RecoveryResult): Html {
  const what =
    missed === null || delivered === null ? text : `${grouped(delivered)} of ${grouped(missed)} delivered`;
  return html`recovery began ${when(beganAt)}; ${what}`;
}
