/** What brings missed webhooks back: the port of the two ways to run `recover`. */

export interface RecoveryCounts {
  /** Deliveries that failed, in GitLab's log; null: this way does not tell. */
  readonly missed: number | null;
  readonly delivered: number | null;
  readonly outstanding: number | null;
  /** Those that GitLab's log no longer holds whole. */
  readonly unrecoverable: number | null;
  /** Times in which a hook was off, so that GitLab neither sent nor logged what happened. */
  readonly unlogged: number | null;
}

export interface RecoveryRun extends RecoveryCounts {
  /**
   * `complete`: all that can be brought back is. `limited`: GitLab's limits or the time ended it, the next run goes on. `failed`:
   * something is still missed. `refused`: settings or tokens are wrong; only a person can help.
   */
  readonly outcome: "complete" | "limited" | "failed" | "refused";
  /** In words; holds no secret. */
  readonly text: string;
}

export interface RecoveryRunner {
  /**
   * Runs once. Never rejects: what goes wrong is an outcome.
   * @param since wall clock from which deliveries may have been missed, milliseconds
   * @param signal ends it early
   */
  run(since: number, signal: AbortSignal): Promise<RecoveryRun>;
}

/** Deliveries around the edges of a window: clocks differ, and a request may take long to fail. */
const MARGIN_MS = 300_000;

/** What `recover --since` is told, for deliveries that may have been missed from then on (wall clock, milliseconds). */
export function sinceOption(since: number): string {
  return new Date(since - MARGIN_MS).toISOString();
}

export const NO_COUNTS: RecoveryCounts = {
  missed: null,
  delivered: null,
  outstanding: null,
  unrecoverable: null,
  unlogged: null,
};
