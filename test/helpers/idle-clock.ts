/**
 * The real clock without its pauses: as soon as nothing is under way but waiting, time jumps to what is due next. A program that
 * backs off for minutes runs in milliseconds, and a time-out passes only while something really takes that long.
 */
import { systemClock, type Clock, type Timer } from "../../lib/clock.ts";

interface Pending {
  readonly dueAt: number;
  readonly task: () => void;
}

export class IdleClock implements Clock {
  /** Milliseconds that were jumped over. */
  #jumped = 0;
  #underWay = 0;
  #looking = false;
  #stopped = false;
  readonly #pending = new Set<Pending>();

  now(): number {
    return Math.floor(systemClock.now() + this.#jumped);
  }

  monotonic(): number {
    return systemClock.monotonic() + this.#jumped;
  }

  after(delayMs: number, task: () => void): Timer {
    const timer: Pending = { dueAt: this.monotonic() + delayMs, task };
    this.#pending.add(timer);
    this.#look();
    return { cancel: () => void this.#pending.delete(timer) };
  }

  /** Time does not jump until the work has ended, as a request has when it was answered. */
  async during<T>(work: Promise<T>): Promise<T> {
    this.#underWay++;
    try {
      return await work;
    } finally {
      this.#underWay--;
      this.#look();
    }
  }

  /** Nothing is due any more, and nothing will be: whoever waited was killed. */
  stop(): void {
    this.#stopped = true;
    this.#pending.clear();
  }

  /** Looks for what is due once everything that goes on at once has gone on. */
  #look(): void {
    if (this.#looking || this.#stopped) return;
    this.#looking = true;
    setImmediate(() => {
      this.#looking = false;
      if (this.#underWay > 0 || this.#pending.size === 0 || this.#stopped) return;
      const next = [...this.#pending].reduce((first, timer) => (timer.dueAt < first.dueAt ? timer : first));
      this.#jumped += Math.max(0, next.dueAt - this.monotonic());
      this.#pending.delete(next);
      next.task();
      this.#look();
    });
  }
}
