/**
 * Long work shows itself: a line every ten seconds where lines stay, a bar that is redrawn on a terminal, and a line where a long
 * wait begins and ends. It decides when something is said and in which words; where it goes is the caller's.
 */
import { grouped } from "../../lib/numbers.ts";
import type { Wait } from "../../lib/gitlab/budget.ts";

/** Between two lines of a log. */
const LINE_EVERY_MS = 10_000;
/** Between two drawings of the bar. */
const DRAW_EVERY_MS = 100;
const BAR_CELLS = 24;

export interface ProgressOptions {
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  readonly line: (text: string) => void;
  /** Redraws the bar; null: there is no terminal. */
  readonly draw: ((text: string) => void) | null;
}

export class Progress {
  readonly #options: ProgressOptions;
  readonly #beganAt: number;
  #walkBeganAt: number;
  #saidAt: number;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #first = 0;
  #done = 0;
  #total: number | null = null;
  #changed = 0;
  #waitBeganAt: number | null = null;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#beganAt = options.now();
    this.#walkBeganAt = this.#beganAt;
    this.#saidAt = this.#beganAt;
  }

  /** A project was changed, or would be. */
  change(): void {
    this.#changed++;
  }

  /** A walk has come so far; one that begins anew is another walk. */
  step(done: number, total: number | null): void {
    const now = this.#options.now();
    if (done <= this.#done || this.#done === 0) {
      this.#first = done;
      this.#walkBeganAt = now;
    }
    this.#done = done;
    this.#total = total;
    const { draw, line } = this.#options;
    if (draw !== null) {
      if (now - this.#drawnAt < DRAW_EVERY_MS) return;
      this.#drawnAt = now;
      draw(`${this.#bar()} ${this.#text(now)}`);
    } else if (now - this.#saidAt >= LINE_EVERY_MS) {
      this.#saidAt = now;
      line(this.#text(now));
    }
  }

  wait(wait: Wait | null): void {
    const now = this.#options.now();
    if (wait !== null) {
      this.#waitBeganAt = now;
      const what = wait.reason === "rate-limit" ? "for GitLab's rate limit" : "before the next try";
      this.#options.line(`waiting ${spokenDuration(wait.ms)} ${what}, ${this.#counts()} done`);
    } else if (this.#waitBeganAt !== null) {
      this.#options.line(`going on after ${spokenDuration(now - this.#waitBeganAt)}`);
      this.#waitBeganAt = null;
    }
    this.#saidAt = now;
  }

  /** Milliseconds since the beginning. */
  get elapsedMs(): number {
    return this.#options.now() - this.#beganAt;
  }

  #counts(): string {
    return this.#total === null ? grouped(this.#done) : `${grouped(this.#done)} of ${grouped(this.#total)}`;
  }

  #text(now: number): string {
    const changed = this.#changed === 0 ? "" : `, ${grouped(this.#changed)} changed`;
    const noun = (this.#total ?? this.#done) === 1 ? "project" : "projects";
    return `${this.#counts()} ${noun}${changed}${this.#left(now)}`;
  }

  #left(now: number): string {
    const done = this.#done - this.#first;
    if (this.#total === null || done < 1 || this.#total <= this.#done) return "";
    const msEach = (now - this.#walkBeganAt) / done;
    const left = msEach * (this.#total - this.#done);
    return left < 1000 ? "" : `, about ${spokenDuration(left)} left`;
  }

  #bar(): string {
    const share = this.#total === null || this.#total === 0 ? 0 : Math.min(1, this.#done / this.#total);
    const full = Math.round(share * BAR_CELLS);
    return `[${"#".repeat(full)}${".".repeat(BAR_CELLS - full)}]`;
  }
}

/** `43 s`, `2 min 5 s`, `1 h 4 min`. */
export function spokenDuration(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  const rest = minutes % 60;
  return rest === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${rest} min`;
}
