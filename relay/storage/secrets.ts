/**
 * Small things that all relays of one storage share: the secrets that they make for themselves, and counters. In the data folder,
 * a file each; on Redis, a key each, so that every relay has the same.
 */

/** The names of all secrets that relays keep, and what those of all counters begin with. */
export const SHARED_SECRETS = ["webhook-secret", "admin-token", "session-salt"] as const;
export const SHARED_COUNTERS = ["session-epoch", "alert-"] as const;

export interface KeptSecret {
  readonly value: string;
  /** True for the one that made it. */
  readonly isNew: boolean;
  /** Where an operator finds it, in words: a path, or a key of Redis. */
  readonly place: string;
  /** The file that holds it; null if it is only in Redis. */
  readonly file: string | null;
}

export interface SharedSecrets {
  /**
   * The value kept under a name, made if there is none: whole or not at all, on stable storage when this resolves. Several that
   * make it at once end up with the same one. Rejects with an UpstreamError if the storage is out of reach, with a ConfigError
   * where folder or file do not permit it.
   * @param name letters and dashes
   */
  ensure(name: string, make: () => string): Promise<KeptSecret>;
  /** The value kept under a name; null: none was made. Rejects as ensure() does. */
  find(name: string): Promise<string | null>;
  /** The counter of this name; 0 before the first increment. */
  count(name: string): Promise<number>;
  /** Counts on; durable when it resolves with the new value. */
  increment(name: string): Promise<number>;
  /** All counters whose names begin so. */
  counters(prefix: string): Promise<ReadonlyMap<string, number>>;
  /** Sets the counter to at least this value; durable when it resolves. */
  raise(name: string, to: number): Promise<void>;
}
