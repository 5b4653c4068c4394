/**
 * Tells workers that their target may have something to claim: after changes, collected until the present piece of work is over,
 * and when a due time has come. There is one timer, for the earliest due time of all targets; with nothing due there is none.
 */
import type { Clock, Timer } from "../../../lib/clock.ts";
import { MAX_TIMER_MS } from "../../../lib/clock.ts";
import type { Log } from "../../../lib/log.ts";
import type { Book, TargetBook } from "./book.ts";
import { Emitter } from "../../queue/emitter.ts";

export class WorkSignal {
  readonly #book: Book;
  readonly #clock: Clock;
  readonly #emitter: Emitter<string>;
  readonly #changed = new Set<TargetBook>();
  #timer: Timer | null = null;
  #timerAt = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(book: Book, clock: Clock, log: Log) {
    this.#book = book;
    this.#clock = clock;
    this.#emitter = new Emitter(log);
  }

  on(listener: (target: string) => void): () => void {
    return this.#emitter.on(listener);
  }

  /** Something changed for this target. */
  touch(target: TargetBook): void {
    if (this.#stopped) return;
    if (this.#changed.size === 0) queueMicrotask(() => this.#flush());
    this.#changed.add(target);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#changed.clear();
  }

  #flush(): void {
    const targets = [...this.#changed];
    this.#changed.clear();
    const now = this.#clock.monotonic();
    for (const target of targets) {
      if (!target.paused && target.lanes.hasReady(now)) this.#emitter.emit(target.name);
      this.#await(target.lanes.nextDue(now), now);
    }
  }

  #await(due: number | null, now: number): void {
    if (due === null || due >= this.#timerAt || this.#stopped) return;
    this.#timer?.cancel();
    this.#timerAt = due;
    this.#timer = this.#clock.after(Math.min(due - now, MAX_TIMER_MS), () => this.#ring());
  }

  #ring(): void {
    this.#timer = null;
    this.#timerAt = Number.POSITIVE_INFINITY;
    for (const target of this.#book.targets) this.touch(target);
  }
}
