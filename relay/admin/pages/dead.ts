/** Dead letters by target and reason: what was given up, why, and the button that tries again. */
import { html } from "hono/html";
import { counted, grouped } from "../../../lib/numbers.ts";
import { ask } from "./ask.ts";
import { when, type Html } from "./html.ts";
import type { QueueStats } from "../../queue/queue.ts";
import type { DeadLetters } from "./view.ts";
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
          None. A delivery ends up here when its target refuses it for good, or attempts or age are used up.
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
      ${
        dead.partial
          ? html`<p class="partial">
              Reasons are those of the newest ${grouped(dead.seen)} of ${grouped(total)} dead letters.
            </p>`
          : ""
      }
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
            <ul class="reasons">
              ${dead.groups
                .filter((group) => group.target === target)
                .map(
                  (group) =>
                    html`<li>
                      <strong>${grouped(group.count)}</strong>
                      <div>
                        ${group.reason}
                        <p class="muted">
                          last ${when(group.lastAt)}, such as
                          <a href="/events/${group.example.meta.id}">${sentence(group.example.meta, null)}</a>
                        </p>
                      </div>
                    </li>`,
                )}
            </ul>
          </section>`,
      )}
    </div>`;
}
