/** Time, as an argument: programs pass the system's, tests pass one that they move. */

export interface Timer {
  /** Stops the timer; harmless once it has fired. */
  cancel(): void;
}

export interface Clock {
  /** Wall clock, milliseconds since 1970: for what is written down. It may jump. */
  now(): number;
  /** Milliseconds of a clock that never jumps, from an arbitrary start: for measuring and waiting. */
  monotonic(): number;
  /** Runs `task` once after `delayMs`; the timer does not keep the process alive. */
  after(delayMs: number, task: () => void): Timer;
}

/** Longest delay that setTimeout takes; beyond it, it would fire at once. */
export const MAX_TIMER_MS = 2_147_483_647;

/** A class, since every webhook and every attempt makes some: a closure for each would cost more. */
class SystemTimer implements Timer {
  readonly #handle: NodeJS.Timeout;
  constructor(handle: NodeJS.Timeout) {
    this.#handle = handle;
  }
  cancel(): void {
    clearTimeout(this.#handle);
  }
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, task) {
    const handle = setTimeout(task, Math.min(Math.max(0, delayMs), MAX_TIMER_MS));
    handle.unref();
    return new SystemTimer(handle);
  },
};

/** Resolves after `delayMs`, or rejects with the signal's reason as soon as it aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason as Error);
    };
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
