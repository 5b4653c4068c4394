/**
 * The time by which things expire. A wall clock that jumps ahead for a while must not make the queue forget what it remembers, so a
 * jump ahead is believed only once it has lasted. A jump back is believed at once: nothing expires sooner by it.
 */
import type { Clock } from "../../../../lib/clock.ts";

/** A greater step than this is a jump and not the drift of a clock that is being adjusted. */
const JUMP_MS = 60_000;
/** How long a jump ahead must have lasted. */
export const BELIEVED_AFTER_MS = 3_600_000;

export class SteadyTime {
  readonly #clock: Clock;
  /** Wall clock minus monotonic clock, as believed. */
  #offset: number;
  #jump: { readonly offset: number; readonly since: number } | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#offset = clock.now() - clock.monotonic();
  }

  /** Wall clock as believed, milliseconds. */
  now(): number {
    const elapsed = this.#clock.monotonic();
    const offset = this.#clock.now() - elapsed;
    if (offset - this.#offset <= JUMP_MS) {
      this.#offset = offset;
      this.#jump = null;
    } else if (this.#jump === null || Math.abs(offset - this.#jump.offset) > JUMP_MS) {
      this.#jump = { offset, since: elapsed };
    } else if (elapsed - this.#jump.since >= BELIEVED_AFTER_MS) {
      this.#offset = offset;
      this.#jump = null;
    }
    return elapsed + this.#offset;
  }
}
