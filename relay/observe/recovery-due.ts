/**
 * Whether events may have been missed that GitLab's own log still has: webhooks that the relay answered with 503, or the time for
 * which it was away. GitLab repeats neither; `recover` fetches them back.
 */
import { z } from "zod";
import { utcDateTime } from "../../lib/utc.ts";
import { DEFAULT_INSTANCE } from "../event/event.ts";
import type { Queue } from "../queue/queue.ts";
import type { Metrics } from "./metrics.ts";

/** Shorter absences are those of an ordinary restart. */
export const AWAY_MS = 30_000;
/** How long an absence is recalled. */
const RECALL_MS = 86_400_000;
/** Of many absences in a day the first ones are named, and the others counted up to here. */
const MOST_ABSENCES = 50;

export interface RecoveryDue {
  /** Wall clock from which webhooks may be missing, milliseconds. */
  readonly since: number;
  readonly text: string;
}

/** What is due, and for which GitLab. */
export interface InstanceDue extends RecoveryDue {
  readonly instance: string;
}

const absence = z.strictObject({ from: z.number(), until: z.number() });

const missesSchema = z.strictObject({
  absences: z.array(absence).max(MOST_ABSENCES),
  firstUnavailableAt: z.number().nullable(),
});

/** When the relay was away; wall clock, milliseconds. */
export type TimeAway = z.output<typeof absence>;

/**
 * What happened to the webhooks of one GitLab since events were last fetched back: when the relay was away, the first time first, and the
 * first answer 503 (null: none). Wall clock, milliseconds.
 */
export type Misses = z.output<typeof missesSchema>;

const savedMisses = z.strictObject({ others: missesSchema, instances: z.record(z.string(), missesSchema) });

/**
 * Watches each GitLab for itself: what is fetched back for one says nothing about the others. What it knows outlives the process, as a
 * part of the last hour's file: what is written down is at most a minute old, after a kill.
 */
export class MissWatch {
  readonly #byInstance = new Map<string, Misses>();
  /** Of every GitLab that nothing else was heard of. */
  #others: Misses;
  readonly #stop: readonly (() => void)[];

  /** @param away the time before this start; null: nothing is known of an earlier run */
  constructor(
    metrics: Pick<Metrics, "onRequest">,
    queue: Pick<Queue, "onEvent">,
    { now, away }: { readonly now: () => number; readonly away: TimeAway | null },
  ) {
    const isLong = away !== null && away.until - away.from >= AWAY_MS;
    this.#others = { absences: isLong ? [away] : [], firstUnavailableAt: null };
    this.#stop = [
      metrics.onRequest((status, _durationMs, instance = DEFAULT_INSTANCE) => {
        if (status !== "unavailable") return;
        const misses = this.of(instance);
        if (misses.firstUnavailableAt === null)
          this.#byInstance.set(instance, { ...misses, firstUnavailableAt: now() });
      }),
      queue.onEvent((event) => {
        if (event.type !== "stored" || !event.meta.recovered) return;
        const instance = event.meta.instanceName ?? DEFAULT_INSTANCE;
        this.#byInstance.set(instance, { absences: [], firstUnavailableAt: null });
      }),
    ];
  }

  of(instance: string): Misses {
    return this.#byInstance.get(instance) ?? this.#others;
  }

  save(): unknown {
    return { others: this.#others, instances: Object.fromEntries(this.#byInstance) };
  }

  /** Puts what an earlier run saved before what this one knows; of anything else it takes nothing. */
  restore(saved: unknown): void {
    const { data } = savedMisses.safeParse(saved);
    if (data === undefined) return;
    const present = this.#others;
    const before = ({ absences, firstUnavailableAt }: Misses): Misses => ({
      absences: [...absences, ...present.absences].slice(0, MOST_ABSENCES),
      firstUnavailableAt,
    });
    this.#others = before(data.others);
    for (const [instance, misses] of Object.entries(data.instances))
      this.#byInstance.set(instance, before(misses));
  }

  close(): void {
    for (const stop of this.#stop) stop();
  }
}

/** Null: nothing is missing that the relay knows of. @param now wall clock, milliseconds */
export function recoveryDue({ absences, firstUnavailableAt }: Misses, now: number): RecoveryDue | null {
  const [first, ...more] = absences.filter(({ until }) => now - until < RECALL_MS);
  if (first !== undefined) {
    const others = more.length === 0 ? "" : ` and ${more.length} more times since`;
    return {
      since: first.from,
      text: `the relay was away from ${utcDateTime(first.from)} to ${utcDateTime(first.until)}${others}; run recover`,
    };
  }
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
