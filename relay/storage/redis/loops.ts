/** What a relay does again and again: a task that fails is logged once until it works again, and nothing ends its loop. */
import type { Clock, Timer } from "../../../lib/clock.ts";
import { messageOf } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";

export interface LoopDeps {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

export interface Loops {
  /** Runs `task` about every `ms`, a little at random so that relays do not march in step; never twice at once. */
  every(name: string, ms: number, task: () => Promise<void> | void): void;
  stop(): void;
}

export function createLoops({ clock, random, log }: LoopDeps): Loops {
  const timers = new Map<string, Timer>();
  let stopped = false;

  function every(name: string, ms: number, task: () => Promise<void> | void): void {
    let failing = false;
    const run = async (): Promise<void> => {
      try {
        await task();
        failing = false;
      } catch (error) {
        if (!failing && !stopped) log.warn("redis.loop-failed", { loop: name, error: messageOf(error) });
        failing = true;
      }
      arm();
    };
    const arm = (): void => {
      if (stopped) return;
      timers.set(
        name,
        clock.after(ms * (0.75 + random() / 2), () => void run()),
      );
    };
    arm();
  }

  return {
    every,
    stop() {
      stopped = true;
      for (const timer of timers.values()) timer.cancel();
    },
  };
}
