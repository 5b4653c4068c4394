/**
 * What relays of one storage know of missed webhooks of one GitLab: the times in which GitLab's deliveries failed, until somebody has fetched them
 * back, and what the last recovery brought. A lease sees to it that one relay at a time recovers.
 */

export interface MissedWindow {
  /** Wall clock, milliseconds. */
  readonly since: number;
  readonly until: number;
  /** The relay was away, or it answered 503. */
  readonly cause: "away" | "unavailable";
}

export interface RecoveryLease {
  /**
   * False: it is another relay's now. Rejects with an UpstreamError if the storage is out of reach.
   * @param forMs how long it holds from now on; @default as it was taken
   */
  renew(forMs?: number): Promise<boolean>;
  release(): Promise<void>;
}

/** Methods reject with an UpstreamError if the storage is out of reach. What resolves is durable as a webhook is. */
export interface RecoveryNotes {
  windows(): Promise<readonly MissedWindow[]>;
  /**
   * Doing it again changes nothing.
   * @param goesOn a window that this one holds, and takes the place of
   */
  add(window: MissedWindow, goesOn?: MissedWindow): Promise<void>;
  /** Forgets windows that ended by then, wall clock in milliseconds, and keeps what the recovery brought, as JSON. */
  settle(until: number, result: string): Promise<void>;
  /** What settle() kept last; null: nothing yet. */
  lastResult(): Promise<string | null>;
  /** Null: another relay has it. Without renewal it ends after so many milliseconds. */
  lease(ttlMs: number): Promise<RecoveryLease | null>;
}
