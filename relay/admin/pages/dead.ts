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
  if (stats.byState.dead === 0)
    return html`<h1>Dead letters</h1>
      <div id="dead" data-live>
        <p class="empty">
          None. A delivery becomes a dead letter when its target refuses it for good, or when its attempts or
          its age run out.
        </p>
      </div>`;
  const byTarget = [...stats.targets]
    .filter(([, counts]) => counts.dead > 0)
    .map(([target, { dead: count, exists }]) => ({ target, count, exists }))
    .sort((a, b) => b.count - a.count);
  const replayable = byTarget.reduce((sum, { count, exists }) => sum + (exists ? count : 0), 0);
  return html`<div class="title">
      <h1>Dead letters</h1>
      <div class="side">
        <a class="button" href="/events?state=dead">List them</a>
        <a class="button" href="/replays">Replay jobs</a>
        ${
          mayAct && replayable > 0
            ? ask({
                action: "/dead/replay",
                csrf,
                label: "Replay all",
                text: `${counted(replayable, "dead letter")} will be replayed, the oldest first.`,
                confirm: `Replay ${grouped(replayable)}`,
              })
            : ""
        }
      </div>
    </div>
    <div id="dead" data-live>
      ${byTarget.map(
        ({ target, count, exists }) =>
          html`<section class="panel">
            <div class="title">
              <h2>${target} <span class="muted">${grouped(count)}</span></h2>
              <div class="side">
                ${exists ? "" : html`no longer in the settings: <a href="/targets#orphans">move them</a>`}
                ${
                  mayAct && exists
                    ? ask({
                        action: "/dead/replay",
                        csrf,
                        label: `Replay ${grouped(count)}`,
                        of: `to ${target}`,
                        text: `${counted(count, "dead letter")} will be replayed to ${target}, the oldest first.`,
                        confirm: `Replay ${grouped(count)} to ${target}`,
                        fields: { target },
                      })
                    : ""
                }
              </div>
            </div>
            ${reasonTable({
              target,
              counts: stats.targets.get(target)!.deadReasons,
              groups: dead.groups.filter((group) => group.target === target),
              seen: dead.seen,
              mayAct: mayAct && exists,
            })}
          </section>`,
      )}
    </div>`;
}

/** Texts of one reason that are shown, each with the newest event that died of it. */
const TEXTS = 3;

interface ReasonTable {
  readonly target: string;
  readonly counts: ReadonlyMap<string, number>;
  readonly groups: readonly DeadGroup[];
  /** Events that were looked at for groups. */
  readonly seen: number;
  readonly mayAct: boolean;
}

/** The counts are of all dead letters, the texts and examples of the newest that were looked at. */
function reasonTable({ target, counts, groups, seen, mayAct }: ReasonTable): Html {
  return html`<table class="dead">
    <thead>
      <tr>
        <th scope="col" class="num">Dead</th>
        <th scope="col">Reason</th>
        <th scope="col">Newest</th>
        <th scope="col"><span class="sr">Actions</span></th>
      </tr>
    </thead>
    <tbody>
      ${[...counts]
        .sort((a, b) => b[1] - a[1])
        .map(([reason, count]) => {
          const found = groups.filter((group) => group.deadReason === reason).slice(0, TEXTS);
          return html`<tr>
            <td class="num"><strong>${grouped(count)}</strong></td>
            <th scope="row">${reasonWords(reason)}</th>
            <td>
              ${found.map((group) => example(group, reasonWords(reason)))}
              ${found.length === 0 ? html`<span class="muted">none of the newest ${grouped(seen)}</span>` : ""}
            </td>
            <td class="act">${reasonLinks(target, reason, mayAct)}</td>
          </tr>`;
        })}
    </tbody>
  </table>`;
}

/** The filter knows answers, not what kept one from coming: the list of those without one may hold more than this reason. */
function reasonLinks(target: string, reason: string, mayAct: boolean): Html | string {
  const status = /^\d(?:\d\d|xx)$/.test(reason) ? reason : null;
  if (reason === "no answer")
    return html`<a href="/events?${new URLSearchParams({ state: "dead", target, status: "none" }).toString()}"
      >List all without an answer<span class="sr"> from ${target}</span></a
    >`;
  if (status === null) return "";
  const query = new URLSearchParams({ state: "dead", target, status }).toString();
  const what = html`<span class="sr"> what ${target} answered with ${status}</span>`;
  return html`<a href="/events?${query}">List${what}</a>
    ${mayAct ? html`<a href="/events/replay?${query}">Replay…${what}</a>` : ""}`;
}

function example({ reason, lastAt, example: { meta } }: DeadGroup, words: string): Html {
  const why = reason.toLowerCase() === words.toLowerCase() ? "" : `: ${reason}`;
  return html`<p>
    ${when(lastAt)} <a href="/events/${meta.id}">${sentence(meta, null)}</a><span class="muted">${why}</span>
  </p>`;
}

/** A reason of dead-reason.ts as a line of its own. */
export function reasonWords(reason: string): string {
  return /^\d/.test(reason) ? `answered ${reason}` : reason.charAt(0).toUpperCase() + reason.slice(1);
}
