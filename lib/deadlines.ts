/**
 * Deadlines of one length, of which nearly all are called off: those of requests. They fall due in the order in which they are set, so
 * that one timer serves all of them; a timer for each costs more than what it guards.
 */
import type { Clock, Timer } from "./clock.ts";

/** In the order of being due; a ring through the head that Deadlines holds. */
class Deadline implements Timer {
  readonly dueAt: number;
  readonly onDue: () => void;
  before: Deadline = this;
  after: Deadline = this;

  constructor(dueAt: number, onDue: () => void) {
    this.dueAt = dueAt;
    this.onDue = onDue;
  }

  cancel(): void {
    this.before.after = this.after;
    this.after.before = this.before;
    this.before = this;
    this.after = this;
  }
}

export class Deadlines {
  readonly #clock: Pick<Clock, "monotonic" | "after">;
  readonly #delayMs: number;
  readonly #ring = new Deadline(0, () => {});
  /** Stays set when the last deadline is called off: the next one takes it over. */
  #timer: Timer | null = null;

  constructor(clock: Pick<Clock, "monotonic" | "after">, delayMs: number) {
    this.#clock = clock;
    this.#delayMs = delayMs;
  }

  /** Calls `onDue` once after the delay unless it is cancelled before. */
  set(onDue: () => void): Timer {
    const deadline = new Deadline(this.#clock.monotonic() + this.#delayMs, onDue);
    const last = this.#ring.before;
    deadline.before = last;
    deadline.after = this.#ring;
    last.after = deadline;
    this.#ring.before = deadline;
    if (this.#timer === null) this.#arm(this.#delayMs);
    return deadline;
  }

  /** Takes the timer away; no deadline may be left, nor be set from now on. */
  close(): void {
    this.#timer?.cancel();
  }

  #arm(delayMs: number): void {
    this.#timer = this.#clock.after(delayMs, () => this.#look());
  }

  #look(): void {
    const now = this.#clock.monotonic();
    for (let first = this.#ring.after; first !== this.#ring; first = this.#ring.after) {
      if (first.dueAt > now) {
        this.#arm(first.dueAt - now);
        return;
      }
      first.cancel();
      first.onDue();
    }
    this.#timer = null;
  }
}
