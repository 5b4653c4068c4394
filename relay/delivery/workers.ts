/**
 * Delivery as a whole: a worker per target, changed in place when the settings change, ended in order when the relay stops.
 */
import type { Clock } from "../../lib/clock.ts";
import { ConfigError, type Problem } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import type { TraceIdOf } from "../event/trace.ts";
import type { Check, Queue } from "../queue/queue.ts";
import { createHalt } from "./halt.ts";
import type { Target } from "./port.ts";
import type { DeliverySettings } from "./settings.ts";
import { Worker, type WorkerStatus } from "./worker.ts";

export interface DeliveryDeps<Settings> {
  readonly queue: Pick<Queue, "claim" | "onWork">;
  readonly clock: Clock;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
  readonly log: Log;
  /** @default the id of the trace that the event came with */
  readonly traceIdOf?: TraceIdOf;
  /** Makes the target that the settings describe. */
  readonly createTarget: (name: string, settings: Settings) => Target;
}

export interface DeliveryWorkers<Settings> {
  /**
   * Makes what other settings need, and changes nothing yet. A target whose settings stay the same is left alone, unless all are
   * wanted anew. Throws a ConfigError that names every target that cannot be made; nothing is left open then.
   */
  prepare(targets: Readonly<Record<string, Settings>>, options?: PrepareOptions<Settings>): PreparedTargets;
  /**
   * Claims nothing more, lets attempts end until `deadlineMs` from now, then calls the rest off: those deliveries go back to
   * the queue as they were. Resolves when nothing is under way.
   */
  stop(deadlineMs: number): Promise<void>;
  /** What each target is doing, by name. */
  status(): ReadonlyMap<string, WorkerStatus>;
  /** What readiness depends on. */
  check(): Check;
}

export interface PrepareOptions<Settings> {
  /** Makes every target anew, also those whose settings stay the same. @default false */
  readonly anew?: boolean;
  /** @default that of the deps */
  readonly createTarget?: DeliveryDeps<Settings>["createTarget"];
}

/** Targets that are made, but not in force; one of the two ends it. */
export interface PreparedTargets {
  /**
   * In force from now on: a changed target uses its new settings for what it claims next; a removed one finishes what is under way.
   * What waits for a removed target stays in the queue. Cannot fail.
   */
  commit(): void;
  /** Closes what was made. */
  discard(): Promise<void>;
}

interface Entry {
  readonly worker: Worker;
  /** The settings as text, to tell whether they have changed. */
  settings: string;
}

export function createDeliveryWorkers<Settings extends DeliverySettings>(
  deps: DeliveryDeps<Settings>,
): DeliveryWorkers<Settings> {
  const { queue, clock, random, log } = deps;
  const stopping = createHalt();
  const entries = new Map<string, Entry>();
  const retiring = new Set<Promise<void>>();
  let stopped = false;
  const unsubscribe = queue.onWork((target) => entries.get(target)?.worker.wake());

  const retire = (entry: Entry): void => {
    const retired = entry.worker.retire().finally(() => retiring.delete(retired));
    retiring.add(retired);
  };

  return {
    prepare(targets, { anew = false, createTarget = deps.createTarget } = {}) {
      const made = makeTargets(
        Object.entries(targets).filter(
          ([name, settings]) => anew || entries.get(name)?.settings !== JSON.stringify(settings),
        ),
        createTarget,
      );
      return {
        commit() {
          if (stopped) return;
          for (const [name, entry] of entries) {
            if (Object.hasOwn(targets, name)) continue;
            entries.delete(name);
            retire(entry);
          }
          for (const [name, { settings, target }] of made) {
            const text = JSON.stringify(settings);
            const entry = entries.get(name);
            if (entry === undefined) {
              const workerDeps = { queue, clock, random, log, stopping, traceIdOf: deps.traceIdOf };
              const worker = new Worker(name, settings, target, workerDeps);
              entries.set(name, { worker, settings: text });
              worker.wake();
            } else {
              entry.settings = text;
              entry.worker.reconfigure(settings, target);
            }
          }
        },
        async discard() {
          await Promise.all([...made.values()].map(({ target }) => target.close()));
        },
      };
    },

    async stop(deadlineMs) {
      stopped = true;
      unsubscribe();
      const deadline = clock.after(deadlineMs, () => stopping.halt());
      for (const entry of entries.values()) retire(entry);
      await Promise.all(retiring);
      deadline.cancel();
      entries.clear();
    },

    status: () => new Map([...entries].map(([name, entry]) => [name, entry.worker.status()])),

    check() {
      const stuck = [...entries].filter(([, entry]) => !entry.worker.alive()).map(([name]) => name);
      const ok = stuck.length === 0;
      const detail = ok
        ? `${entries.size} ${entries.size === 1 ? "target" : "targets"}`
        : `the queue does not answer the worker of ${stuck.map((name) => `"${name}"`).join(", ")}`;
      return { name: "delivery", ok, detail };
    },
  };
}

/** Makes all of them, or none: every problem comes in one ConfigError. */
function makeTargets<Settings>(
  wanted: readonly (readonly [string, Settings])[],
  createTarget: DeliveryDeps<Settings>["createTarget"],
): Map<string, { readonly settings: Settings; readonly target: Target }> {
  const made = new Map<string, { readonly settings: Settings; readonly target: Target }>();
  const problems: Problem[] = [];
  for (const [name, settings] of wanted) {
    try {
      made.set(name, { settings, target: createTarget(name, settings) });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(
        ...error.problems.map(({ path, message }) => ({ path: `targets.${name}.${path}`, message })),
      );
    }
  }
  if (problems.length === 0) return made;
  for (const { target } of made.values()) void target.close();
  throw new ConfigError(problems);
}
