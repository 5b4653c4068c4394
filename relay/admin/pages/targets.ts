/** Targets with the rules by which they get events and the limits by which they are served: why something was (not) delivered. */
import { own } from "../../../lib/json.ts";
import { html } from "hono/html";
import type { Config } from "../../config/schema.ts";
import type { TargetSettings } from "../../targets/registry.ts";
import { counted, duration, grouped, type Html } from "./html.ts";
import type { TargetRow } from "./view.ts";
import { pauseButton, targetState } from "./overview.ts";

export interface TargetsView {
  readonly targets: readonly TargetRow[];
  readonly config: Pick<Config, "targets">;
  readonly csrf: string;
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
    </div>`;
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
        <a class="button" href="/events?target=${target.name}">Its events</a>
        ${pauseButton(target, view.csrf)}
      </div>
    </div>
    <dl class="facts">
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
