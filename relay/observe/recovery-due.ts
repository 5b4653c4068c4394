/**
 * Whether events may have been missed that GitLab's own log still has: webhooks that the relay answered with 503, or the time for
 * which it was away. GitLab repeats neither; `recover` fetches them back.
 */
import { utcDateTime } from "../../lib/utc.ts";
import { DEFAULT_INSTANCE } from "../event/event.ts";
import type { Queue } from "../queue/queue.ts";
import type { Metrics } from "./metrics.ts";

/** Shorter absences are those of an ordinary restart. */
export const AWAY_MS = 30_000;
/** How long an absence is recalled. */
const RECALL_MS = 86_400_000;

export interface RecoveryDue {
  /** Wall clock from which webhooks may be missing, milliseconds. */
  readonly since: number;
  readonly text: string;
}

/** What is due, and for which GitLab. */
export interface InstanceDue extends RecoveryDue {
  readonly instance: string;
}

/** What happened to the webhooks of one GitLab since the start. Wall clock, milliseconds. */
export interface Misses {
  /** The first answer 503, or the first since events were last fetched back; null: none. */
  readonly firstUnavailableAt: number | null;
  /** When the last event was fetched back from GitLab's log; null: none was. */
  readonly lastRecoveredAt: number | null;
}

export interface RecoveryFacts extends Misses {
  readonly now: number;
  /** Wall clock at which the run before was last seen; null: never, as far as is known. */
  readonly lastSeenAt: number | null;
  readonly startedAt: number;
}

const NOTHING_MISSED: Misses = { firstUnavailableAt: null, lastRecoveredAt: null };

/** Watches each GitLab for itself: what is fetched back for one says nothing about the others. */
export class MissWatch {
  readonly #byInstance = new Map<string, Misses>();
  readonly #stop: readonly (() => void)[];

  constructor(metrics: Pick<Metrics, "onRequest">, queue: Pick<Queue, "onEvent">, now: () => number) {
    this.#stop = [
      metrics.onRequest((status, _durationMs, instance = DEFAULT_INSTANCE) => {
        if (status !== "unavailable") return;
        const { firstUnavailableAt, lastRecoveredAt } = this.of(instance);
        this.#byInstance.set(instance, { firstUnavailableAt: firstUnavailableAt ?? now(), lastRecoveredAt });
      }),
      queue.onEvent((event) => {
        if (event.type !== "stored" || !event.meta.recovered) return;
        const instance = event.meta.instanceName ?? DEFAULT_INSTANCE;
        this.#byInstance.set(instance, { firstUnavailableAt: null, lastRecoveredAt: now() });
      }),
    ];
  }

  of(instance: string): Misses {
    return this.#byInstance.get(instance) ?? NOTHING_MISSED;
  }

  close(): void {
    for (const stop of this.#stop) stop();
  }
}

/** Null: nothing is missing that the relay knows of. */
export function recoveryDue(facts: RecoveryFacts): RecoveryDue | null {
  const { firstUnavailableAt, lastRecoveredAt, lastSeenAt, startedAt, now } = facts;
  const isRecalled = lastRecoveredAt === null && now - startedAt < RECALL_MS;
  if (isRecalled && lastSeenAt !== null && startedAt - lastSeenAt >= AWAY_MS)
    return {
      since: lastSeenAt,
      text: `the relay was away from ${utcDateTime(lastSeenAt)} to ${utcDateTime(startedAt)}; run recover`,
    };
  if (firstUnavailableAt !== null)
    return {
      since: firstUnavailableAt,
      text: `webhooks got 503 from ${utcDateTime(firstUnavailableAt)} on; run recover`,
    };
  return null;
}

/**
 * All that is due in one sentence; null: nothing is.
 * @param isNamed whether there are several GitLabs, so that each is named
 */
export function dueOfAll(dues: readonly InstanceDue[], isNamed: boolean): RecoveryDue | null {
  if (dues.length === 0) return null;
  const names = new Map<string, string[]>();
  for (const { instance, text } of dues) names.set(text, [...(names.get(text) ?? []), instance]);
  const texts = [...names].map(([text, of]) => (isNamed ? `${of.join(", ")}: ${text}` : text));
  return { since: Math.min(...dues.map(({ since }) => since)), text: texts.join("; ") };
}
