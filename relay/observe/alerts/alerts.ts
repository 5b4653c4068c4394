/**
 * Alerts without Prometheus: what needs an operator becomes an event of the relay's own, stored and delivered to the targets of the
 * settings like any other, with retries, dead letters and replays. The router knows these events and gives them to no other target.
 */
import type { Clock } from "../../../lib/clock.ts";
import { UpstreamError, messageOf } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import { cut } from "../../../lib/cut.ts";
import type { AlertSettings } from "../../config/alerts.ts";
import { ALERT_KIND, ALERT_TARGETS, alertPayload, type AlertContent } from "../../event/alert.ts";
import { NOTHING_KNOWN, type NewEvent } from "../../event/event.ts";
import type { Queue } from "../../queue/queue.ts";
import type { AttentionItem } from "../attention/attention.ts";
import { planAlerts, type PlannedAlert, type Told } from "./plan.ts";

/** Relays that share a Redis see the same within this time: what one has told the others do not tell again. */
const SAME_MS = 60_000;

export interface AlertsDeps {
  readonly queue: Pick<Queue, "enqueue" | "known">;
  readonly clock: Pick<Clock, "now">;
  readonly log: Log;
  /** Undefined: none are sent. */
  readonly settings: () => AlertSettings | undefined;
  /** Hides secrets. */
  readonly mask: (text: string) => string;
}

export interface Alerts {
  /**
   * To be called with the attention list whenever it was made. Resolves when what it says is stored; what cannot be stored is tried
   * again with the next list. Never rejects.
   */
  update(items: readonly AttentionItem[]): Promise<void>;
}

export function createAlerts(deps: AlertsDeps): Alerts {
  const { queue, clock, log } = deps;
  const told = new Map<string, Told>();
  let running: Promise<void> | null = null;

  async function tell({ key, action, item }: PlannedAlert, settings: AlertSettings): Promise<void> {
    const now = clock.now();
    // Nothing is told to a target about itself: it would arrive when it no longer matters.
    const targets = settings.to.filter((name) => item.link !== `/targets#${name}`);
    const isRepetition = action === "standing";
    const period = Math.floor(now / (isRepetition ? settings.repeatMinutes * 60_000 : SAME_MS));
    const keyOf = (of: number): string => `alert:${action}\n${of}\n${key}`;
    const isTold = !isRepetition && (await queue.known([keyOf(period - 1)])).length > 0;
    if (targets.length > 0 && !isTold) {
      const content = contentOf({ action, item }, settings, deps.mask);
      const event = alertEvent(content, { targets, now, dedupeKey: keyOf(period) });
      const { id, status } = await queue.enqueue(event);
      if (status === "accepted") log.info("alert.stored", { eventId: id, action, kind: item.kind, targets });
    }
    if (action === "cleared") told.delete(key);
    else told.set(key, { item, at: now });
  }

  async function tellAll(items: readonly AttentionItem[]): Promise<void> {
    const settings = deps.settings();
    if (settings === undefined) {
      told.clear();
      return;
    }
    for (const planned of planAlerts(items, told, settings, clock.now())) {
      try {
        await tell(planned, settings);
      } catch (error) {
        if (!(error instanceof UpstreamError)) throw error;
        log.warn("alert.not-stored", { kind: planned.item.kind, error: messageOf(error) });
      }
    }
  }

  return {
    update(items) {
      // The list of a later look says what this one would.
      running ??= tellAll(items)
        .catch((error: unknown) => log.error("alert.failed", { error: messageOf(error) }))
        .finally(() => (running = null));
      return running;
    },
  };
}

function contentOf(
  { action, item }: Pick<PlannedAlert, "action" | "item">,
  { dashboardUrl }: AlertSettings,
  mask: (text: string) => string,
): AlertContent {
  const { kind, severity, count, since, text, link } = item;
  return {
    action,
    kind,
    severity,
    count,
    text: mask(text),
    since: since === null ? null : new Date(since).toISOString(),
    url: dashboardUrl === undefined ? null : new URL(link, dashboardUrl).href,
  };
}

interface AlertDetails {
  readonly targets: readonly string[];
  readonly now: number;
  readonly dedupeKey: string;
}

function alertEvent(content: AlertContent, { targets, now, dedupeKey }: AlertDetails): NewEvent {
  const body = Buffer.from(JSON.stringify(alertPayload(content)), "utf8");
  return {
    dedupeKey,
    body,
    meta: {
      ...NOTHING_KNOWN,
      receivedAt: now,
      kind: ALERT_KIND,
      action: content.action,
      title: cut(content.text, 80),
      subjectType: content.kind,
      bodyBytes: body.byteLength,
      headers: [
        ["content-type", "application/json"],
        [ALERT_TARGETS, targets.join(",")],
      ],
    },
  };
}
