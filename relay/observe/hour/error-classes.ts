/** Errors of a target by what kind they are, in fixed space: which answers, and which failures to get one. */
import type { Attempt } from "../../queue/delivery-state.ts";

export interface ErrorClass {
  /** Such as `503` or `connection refused`. */
  readonly name: string;
  readonly count: number;
  /** Wall clock of the last one, milliseconds. */
  readonly lastAt: number;
}

/** Kinds that are kept apart; what comes beyond counts as `other`. */
const MOST = 20;
const OTHER = "other";
/** Characters of an error that name its kind. */
const NAME_LENGTH = 60;

export class ErrorClasses {
  readonly #classes = new Map<string, ErrorClass>();

  add(attempt: Attempt): void {
    const named = nameOf(attempt);
    const name = this.#classes.has(named) || this.#classes.size < MOST ? named : OTHER;
    this.#classes.set(name, {
      name,
      count: (this.#classes.get(name)?.count ?? 0) + 1,
      lastAt: attempt.at,
    });
  }

  /** The most frequent first. */
  list(): readonly ErrorClass[] {
    return [...this.#classes.values()].sort((a, b) => b.count - a.count);
  }
}

/** The status if there was an answer; else the error without what differs from one attempt to the next. */
function nameOf({ status, error }: Attempt): string {
  if (status !== null) return String(status);
  return (error ?? OTHER).split(/[:(]/, 1)[0]?.trim().slice(0, NAME_LENGTH) || OTHER;
}
