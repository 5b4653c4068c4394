/**
 * The clock that tests move: nothing happens until a test says that time has passed. Timers fire in the order of their due
 * time, and what they wake runs to its next wait before the following one fires.
 */
import type { Clock, Timer } from "../../lib/clock.ts";

interface Pending {
  readonly dueAt: number;
  readonly order: number;
  readonly task: () => void;
}

export class FakeClock implements Clock {
  #wall: number;
  #elapsed = 0;
  #created = 0;
  readonly #pending = new Set<Pending>();

  /** @param start wall clock at the beginning, milliseconds since 1970 */
  constructor(start = Date.UTC(2026, 0, 15, 12, 0, 0)) {
    this.#wall = start;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(delayMs: number, task: () => void): Timer {
    const timer: Pending = {
      dueAt: this.#elapsed + Math.max(0, delayMs),
      order: this.#created++,
      task,
    };
    this.#pending.add(timer);
    return { cancel: () => void this.#pending.delete(timer) };
  }

  /** Timers that have not fired yet. */
  get pendingTimers(): number {
    return this.#pending.size;
  }

  /** Milliseconds until the next timer; null where none is set. */
  get nextTimerMs(): number | null {
    const next = this.#earliest();
    return next === null ? null : next.dueAt - this.#elapsed;
  }

  /** Lets both clocks run on by `ms`, firing what becomes due; resolves when all that it woke is waiting again. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await turn();
    for (;;) {
      const next = this.#earliest();
      if (next === null || next.dueAt > end) break;
      this.#pending.delete(next);
      this.#moveTo(Math.max(this.#elapsed, next.dueAt));
      next.task();
      await turn();
    }
    this.#moveTo(end);
    await turn();
  }

  /** The wall clock jumps, as after a time correction; timers and the monotonic clock do not notice. */
  setNow(ms: number): void {
    this.#wall = ms;
  }

  /** Both clocks run on while the process is stopped: what became due fires with the next advance(). */
  freeze(ms: number): void {
    this.#moveTo(this.#elapsed + ms);
  }

  #moveTo(elapsed: number): void {
    this.#wall += elapsed - this.#elapsed;
    this.#elapsed = elapsed;
  }

  #earliest(): Pending | null {
    let found: Pending | null = null;
    for (const timer of this.#pending) {
      if (
        found === null ||
        timer.dueAt < found.dueAt ||
        (timer.dueAt === found.dueAt && timer.order < found.order)
      ) {
        found = timer;
      }
    }
    return found;
  }
}

/** One turn of the event loop: every promise that can settle without time passing has settled. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
