/** All targets, and what is kept for those that the settings do not name any more. */
import { html } from "hono/html";
import type { Orphan } from "../../observe/attention/situation.ts";
import type { RefusedFile } from "../../routing/project-file.ts";
import { counted, grouped } from "../../../lib/numbers.ts";
import { ask } from "./ask.ts";
import { duration, when, type Html } from "./html.ts";
import { targetTable, type TargetTable } from "./target-table.ts";
import type { TargetRow } from "./view.ts";

/** Refused files on the page. */
const MAX_FILES = 50;

export interface TargetsView extends TargetTable {
  /** Targets that the settings do not name, with what is kept for them. */
  readonly orphans: readonly Orphan[];
  /** Projects' own files that were refused when they were last read, the newest first. */
  readonly refusedFiles: readonly RefusedFile[];
}

export function targetsPage(view: TargetsView): Html {
  return html`<h1>Targets</h1>
    <section id="targets" data-live>
      ${targetTable(view)} ${view.orphans.length === 0 ? "" : orphanSection(view)}
      ${view.refusedFiles.length === 0 ? "" : projectFileSection(view)}
    </section>`;
}

function projectFileSection({ refusedFiles }: TargetsView): Html {
  const rest = refusedFiles.length - MAX_FILES;
  return html`<section class="panel" id="project-files">
    <h2>Project files that are refused</h2>
    <p>For these projects the last known file applies, or the settings of this relay alone.</p>
    <ul class="reasons">
      ${refusedFiles.slice(0, MAX_FILES).map(
        ({ projectId, at, error }) =>
          html`<li>
            <a href="/events?project=${projectId}"><strong>${projectId}</strong></a>
            <div>${error}, read ${when(at)}</div>
          </li>`,
      )}
    </ul>
    ${rest > 0 ? html`<p>${grouped(rest)} more are in <code>GET /api/v1/project-files</code>.</p>` : ""}
  </section>`;
}

function orphanSection({ orphans, targets, csrf, mayAct, now }: TargetsView): Html {
  return html`<section class="panel" id="orphans">
    <h2>No longer in the settings</h2>
    <p>
      Deliveries are kept for targets that were renamed or removed. Put the targets back into relay.yaml, or
      move the deliveries to another target.
    </p>
    <ul class="reasons">
      ${orphans.map((orphan) => {
        const { name, waiting, dead, oldestAt } = orphan;
        return html`<li>
          <strong>${grouped(waiting + dead)}</strong>
          <div>
            <a href="/events?target=${encodeURIComponent(name)}">${name}</a>: ${grouped(waiting)} waiting,
            ${grouped(dead)}
            dead${oldestAt === null ? "" : `, the oldest waiting for ${duration(now - oldestAt)}`}
            ${targets.length === 0 || !mayAct ? "" : moveForm(orphan, targets, csrf)}
          </div>
        </li>`;
      })}
    </ul>
  </section>`;
}

function moveForm({ name, waiting, dead }: Orphan, targets: readonly TargetRow[], csrf: string): Html {
  return ask({
    action: `/targets/${encodeURIComponent(name)}/move`,
    csrf,
    label: "Move",
    of: `the deliveries of ${name}`,
    text: `${counted(waiting + dead, "delivery")} of ${name} will belong to the target that you choose. Those that wait go out to it.`,
    confirm: "Move them",
    inputs: html`<label
      >To
      <select name="to">
        ${targets.map((target) => html`<option>${target.name}</option>`)}
      </select></label
    >`,
  });
}
