/** Dead letters by target and reason: what was given up, why, and the button that tries again. */
import { html } from "hono/html";
import { counted, grouped } from "../../../lib/numbers.ts";
import { ask } from "./ask.ts";
import { when, type Html } from "./html.ts";
import type { QueueStats } from "../../queue/queue.ts";
import type { DeadGroup, DeadLetters } from "./view.ts";
import { sentence } from "../../event/sentence.ts";

export interface DeadView {
  readonly dead: DeadLetters;
  /** Of the whole queue: how many are dead, by target. */
  readonly stats: Pick<QueueStats, "byState" | "targets">;
  readonly mayAct: boolean;
  readonly csrf: string;
}

export function deadPage({ dead, stats, mayAct, csrf }: DeadView): Html {
  const total = stats.byState.dead;
  if (total === 0)
    return html`<h1>Dead letters</h1>
      <div id="dead" data-live>
        <p class="empty">
          None. A delivery becomes a dead letter when its target refuses it for good, or when its attempts or
          its age run out.
        </p>
      </div>`;
  const byTarget = [...stats.targets]
    .filter(([, counts]) => counts.dead > 0)
    .map(([target, counts]) => [target, counts.dead] as const)
    .sort((a, b) => b[1] - a[1]);
  return html`<div class="title">
      <h1>Dead letters</h1>
      <div class="side">
        <a class="button" href="/events?state=dead">List them</a>
        <a class="button" href="/replays">Replay jobs</a>
        ${
          mayAct
            ? ask({
                action: "/dead/replay",
                csrf,
                label: "Replay all",
                text: `${counted(total, "dead letter")} will be queued for replay, the oldest first.`,
                confirm: `Replay ${grouped(total)}`,
              })
            : ""
        }
      </div>
    </div>
    <div id="dead" data-live>
      ${byTarget.map(
        ([target, count]) =>
          html`<section class="panel">
            <div class="title">
              <h2>${target} <span class="muted">${grouped(count)}</span></h2>
              <div class="side">
                ${
                  mayAct
                    ? ask({
                        action: "/dead/replay",
                        csrf,
                        label: `Replay ${grouped(count)}`,
                        of: `to ${target}`,
                        text: `${counted(count, "dead letter")} will be queued for replay to ${target}, the oldest first.`,
                        confirm: `Replay ${grouped(count)} to ${target}`,
                        fields: { target },
                      })
                    : ""
                }
              </div>
            </div>
            ${reasonList(
              stats.targets.get(target)!.deadReasons,
              dead.groups.filter((group) => group.target === target),
            )}
          </section>`,
      )}
    </div>`;
}

/** Texts of one reason that are shown, each with the newest event that died of it. */
const TEXTS = 3;

/** The counts are of all dead letters, the texts and examples of the newest that were looked at. */
function reasonList(counts: ReadonlyMap<string, number>, groups: readonly DeadGroup[]): Html {
  return html`<ul class="reasons">
    ${[...counts]
      .sort((a, b) => b[1] - a[1])
      .map(
        ([reason, count]) =>
          html`<li>
            <strong>${grouped(count)}</strong>
            <div>
              ${reasonWords(reason)}
              ${groups
                .filter((group) => group.deadReason === reason)
                .slice(0, TEXTS)
                .map(example)}
            </div>
          </li>`,
      )}
  </ul>`;
}

function example({ reason, lastAt, example: { meta } }: DeadGroup): Html {
  return html`<p class="muted">
    ${reason}; last ${when(lastAt)}, such as <a href="/events/${meta.id}">${sentence(meta, null)}</a>
  </p>`;
}

/** A reason of dead-reason.ts as a line of its own. */
export function reasonWords(reason: string): string {
  return /^\d/.test(reason) ? `answered ${reason}` : reason.charAt(0).toUpperCase() + reason.slice(1);
}
