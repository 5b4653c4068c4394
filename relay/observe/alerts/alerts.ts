/**
 * Alerts without Prometheus: what needs an operator becomes an event of the relay's own, stored and delivered to the targets of the
 * settings like any other, with retries, dead letters and replays. The router knows these events and gives them to no other target.
 *
 * Which matters were told stands in the storage, as a counter for each: odd while it is told and not over. So a relay that was restarted, and
 * the other relays of a Redis, tell none again. The counter is part of the event's dedupe key: those that tell it at once, or again after a
 * crash in between, store one event.
 */
import { createHash } from "node:crypto";
import type { Clock } from "../../../lib/clock.ts";
import { UpstreamError, messageOf } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import { cut } from "../../../lib/cut.ts";
import type { AlertSettings } from "../../config/alerts.ts";
import { ALERT_KIND, ALERT_TARGETS, alertPayload, type AlertContent } from "../../event/alert.ts";
import { NOTHING_KNOWN, type NewEvent } from "../../event/event.ts";
import type { Queue } from "../../queue/queue.ts";
import { attentionKey, type AttentionItem } from "../attention/attention.ts";
import type { SharedSecrets } from "../../storage/secrets.ts";
import { overNow, planAlerts, type Over, type PlannedAlert, type Told } from "./plan.ts";

/** After this time a matter that was told before the start and has not shown since is over without a word: its text is lost. */
const FORGOTTEN_AFTER_MS = 600_000;

export interface AlertsDeps {
  readonly queue: Pick<Queue, "enqueue">;
  readonly memory: Pick<SharedSecrets, "count" | "raise" | "counters">;
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
  const { queue, clock, log, memory } = deps;
  const told = new Map<string, Told>();
  let over = new Map<string, Over>();
  const startedAt = clock.now();
  let hasForgotten = false;
  let running: Promise<void> | null = null;

  async function tell({ key, action, item }: PlannedAlert, settings: AlertSettings): Promise<void> {
    const now = clock.now();
    const name = counterOf(key);
    const count = await memory.count(name);
    const isTold = count % 2 === 1;
    // Told already: by this relay before it was restarted, or by another one.
    const isNews = action === "standing" || isTold !== (action === "raised");
    if (isNews) {
      const period = action === "standing" ? Math.floor(now / (settings.repeatMinutes * 60_000)) : 0;
      await store(
        { key, action, item },
        { settings, now, dedupeKey: `alert:${action}\n${count}.${period}\n${key}` },
      );
    }
    if (isNews && action !== "standing") await memory.raise(name, count + 1);
    if (action === "cleared") {
      told.delete(key);
      over.set(key, { at: now, backAt: null });
    } else told.set(key, { item, at: now });
  }

  async function store({ action, item }: PlannedAlert, { settings, now, dedupeKey }: Storing): Promise<void> {
    // Nothing is told to a target about itself: it would arrive when it no longer matters.
    const targets = settings.to.filter((name) => item.link !== `/targets#${name}`);
    if (targets.length === 0) return;
    const event = alertEvent(contentOf({ action, item }, settings, deps.mask), { targets, now, dedupeKey });
    const { id, status } = await queue.enqueue(event);
    if (status === "accepted") log.info("alert.stored", { eventId: id, action, kind: item.kind, targets });
  }

  /** Each matter that was told before the start, and has not been seen since. */
  async function forget(): Promise<void> {
    if (hasForgotten || clock.now() - startedAt < FORGOTTEN_AFTER_MS) return;
    const seen = new Set([...told.keys()].map(counterOf));
    for (const [name, count] of await memory.counters(COUNTERS))
      if (count % 2 === 1 && !seen.has(name)) await memory.raise(name, count + 1);
    hasForgotten = true;
  }

  async function tellAll(items: readonly AttentionItem[]): Promise<void> {
    const settings = deps.settings();
    if (settings === undefined) {
      // What is asked for again later is told anew.
      for (const key of told.keys()) {
        const count = await memory.count(counterOf(key));
        if (count % 2 === 1) await memory.raise(counterOf(key), count + 1);
      }
      told.clear();
      return;
    }
    over = overNow(over, new Set(items.map(attentionKey)), clock.now());
    for (const planned of planAlerts(items, { told, over }, settings, clock.now())) {
      try {
        await tell(planned, settings);
      } catch (error) {
        if (!(error instanceof UpstreamError)) throw error;
        log.warn("alert.not-stored", { kind: planned.item.kind, error: messageOf(error) });
      }
    }
    await forget();
  }

  return {
    update(items) {
      // The list of a later look says what this one would.
      running ??= tellAll(items)
        .catch((error: unknown) => {
          // The storage's own lines say what is wrong with it; the next list is told as this one would have been.
          if (!(error instanceof UpstreamError)) log.error("alert.failed", { error: messageOf(error) });
        })
        .finally(() => (running = null));
      return running;
    },
  };
}

const COUNTERS = "alert-";

/** The name of a matter's counter, which may become a file's. */
function counterOf(key: string): string {
  return COUNTERS + createHash("sha256").update(key).digest("hex").slice(0, 24);
}

interface Storing {
  readonly settings: AlertSettings;
  readonly now: number;
  readonly dedupeKey: string;
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
