/** Targets with the rules by which they get events and the limits by which they are served: why something was (not) delivered. */
import { own } from "../../../lib/json.ts";
import { html } from "hono/html";
import type { Config } from "../../config/schema.ts";
import type { TargetSettings } from "../../targets/registry.ts";
import { counted, duration, grouped, when, type Html } from "./html.ts";
import type { Orphan } from "../../observe/attention/situation.ts";
import type { Masking } from "./masking.ts";
import type { TargetRow } from "./view.ts";
import { pauseButton, targetState } from "./overview.ts";

export interface TargetsView {
  readonly targets: readonly TargetRow[];
  /** Targets that the settings do not name, with what is kept for them. */
  readonly orphans: readonly Orphan[];
  readonly config: Pick<Config, "targets">;
  readonly csrf: string;
  readonly masking: Pick<Masking, "text">;
  readonly now: number;
}

export function targetsPage(view: TargetsView): Html {
  return html`<h1>Targets</h1>
    <div id="targets" data-live>
      ${
        view.targets.length === 0
          ? html`<p class="empty">
              No target is configured: events are kept and shown, and delivered nowhere. Set
              <code>RELAY_TARGET_URL</code>, or add <code>targets:</code> to relay.yaml; a change takes effect
              without a restart.
            </p>`
          : view.targets.map((target) => card(target, view))
      }
      ${view.orphans.length === 0 ? "" : orphanSection(view)}
    </div>`;
}

function orphanSection({ orphans, targets, csrf, now }: TargetsView): Html {
  return html`<section class="panel" id="orphans">
    <h2>Not in the settings any more</h2>
    <p>
      Deliveries are kept for targets that were renamed or removed. Put the targets back into relay.yaml, or
      move the deliveries to another target.
    </p>
    <ul class="reasons">
      ${orphans.map(
        ({ name, waiting, dead, oldestAt }) =>
          html`<li>
            <strong>${grouped(waiting + dead)}</strong>
            <div>
              <a href="/events?target=${encodeURIComponent(name)}">${name}</a>: ${grouped(waiting)} waiting,
              ${grouped(dead)}
              dead${oldestAt === null ? "" : `, the oldest waits for ${duration(now - oldestAt)}`}
              ${targets.length === 0 ? "" : moveForm(name, targets, csrf)}
            </div>
          </li>`,
      )}
    </ul>
  </section>`;
}

function moveForm(from: string, targets: readonly TargetRow[], csrf: string): Html {
  return html`<form method="post" action="/targets/${encodeURIComponent(from)}/move" class="inline">
    <input type="hidden" name="_csrf" value="${csrf}" />
    <label
      >To
      <select name="to">
        ${targets.map(({ name }) => html`<option>${name}</option>`)}
      </select></label
    >
    <button>Move</button>
  </form>`;
}

function card(target: TargetRow, view: TargetsView): Html {
  const settings = own(view.config.targets, target.name);
  return html`<section class="panel" id="${target.name}">
    <div class="title">
      <div>
        <h2>${target.name}</h2>
        <p class="sub">
          ${targetState(target, view.now)}
          ${target.address === null ? target.type : html`<code>${target.address}</code>`}
        </p>
      </div>
      <div class="side">
        <a class="button" href="/events?target=${target.name}">Events</a>
        ${pauseButton(target, view.csrf)}
      </div>
    </div>
    <dl class="facts">
      ${
        target.lastError === null
          ? ""
          : html`<dt>Last error</dt>
              <dd>
                <a href="/events/${target.lastError.eventId}">${view.masking.text(target.lastError.text)}</a>
                ${when(target.lastError.at)}, ${grouped(target.failedLastTenMinutes)} of
                ${grouped(target.attemptsLastTenMinutes)} attempts of the last ten minutes failed
              </dd>`
      }
      <dt>Now</dt>
      <dd>
        ${grouped(target.waiting)} waiting in ${counted(target.lanes, "lane")}, ${grouped(target.inFlight)} of
        ${grouped(target.concurrency)} being sent, ${grouped(target.attemptsLastMinute)} attempts in the last
        minute, ${grouped(target.dead)}
        dead${target.oldestAt === null ? "" : `, the oldest waits for ${duration(view.now - target.oldestAt)}`}
      </dd>
      ${settings === undefined ? "" : rules(settings)}
    </dl>
  </section>`;
}

function rules(settings: TargetSettings): Html {
  const list = (values: readonly (string | number)[] | undefined): string =>
    values === undefined || values.length === 0 ? "all" : values.join(", ");
  const { retry, rateLimit, breaker } = settings;
  return html`<dt>Gets</dt>
    <dd>
      ${settings.enabled ? "" : html`<strong>nothing: it is switched off</strong>; else `}events:
      ${list(settings.events)}; projects: ${list(settings.projects)}; branches: ${list(settings.branches)}
    </dd>
    <dt>Order</dt>
    <dd>${settings.ordering === "project" ? "the events of a project one after another" : "as they come"}</dd>
    <dt>Limits</dt>
    <dd>
      ${duration(settings.timeoutSeconds * 1000)} an
      attempt${
        rateLimit === undefined
          ? ""
          : `, ${grouped(rateLimit.requests)} per ${duration(rateLimit.perSeconds * 1000)}`
      }
    </dd>
    <dt>Retries</dt>
    <dd>
      up to ${grouped(retry.maxAttempts)} attempts within ${duration(retry.maxAgeSeconds * 1000)}, at most
      ${duration(retry.capSeconds * 1000)} apart; the breaker opens after ${grouped(breaker.failures)}
      failures in a row for ${duration(breaker.cooldownSeconds * 1000)}
    </dd>`;
}
