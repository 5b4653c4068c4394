/**
 * Delivery as a whole: a worker per target, changed in place when the settings change, ended in order when the relay stops.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
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
  /** Makes the target that the settings describe. */
  readonly createTarget: (name: string, settings: Settings) => Target;
}

export interface DeliveryWorkers<Settings> {
  /**
   * The targets from now on. A target whose settings stay the same is left alone; a changed one uses the new settings for what it
   * claims next; a removed one finishes what is under way. What waits for a removed target stays in the queue.
   */
  configure(targets: Readonly<Record<string, Settings>>): void;
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

interface Entry {
  readonly worker: Worker;
  /** The settings as text, to tell whether they have changed. */
  settings: string;
}

export function createDeliveryWorkers<Settings extends DeliverySettings>(
  deps: DeliveryDeps<Settings>,
): DeliveryWorkers<Settings> {
  const { queue, clock, random, log, createTarget } = deps;
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
    configure(targets) {
      if (stopped) return;
      for (const [name, entry] of entries) {
        if (Object.hasOwn(targets, name)) continue;
        entries.delete(name);
        retire(entry);
      }
      for (const [name, config] of Object.entries(targets)) {
        const settings = JSON.stringify(config);
        const entry = entries.get(name);
        if (entry === undefined) {
          const workerDeps = { queue, clock, random, log, stopping };
          const worker = new Worker(name, config, createTarget(name, config), workerDeps);
          entries.set(name, { worker, settings });
          worker.wake();
        } else if (entry.settings !== settings) {
          entry.settings = settings;
          entry.worker.reconfigure(config, createTarget(name, config));
        }
      }
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
