/** What the journal is made with: what it needs of the outside, and what opening it has found. */
import type { Clock } from "../../../lib/clock.ts";
import type { Log } from "../../../lib/log.ts";
import type { Disk } from "./disk.ts";
import type { SegmentIndexes } from "./indexes.ts";
import type { Ledger } from "./ledger.ts";
import type { Lock } from "./lock.ts";
import type { Quarantine } from "./quarantine.ts";
import type { measureWrites } from "./write-probe.ts";

export interface JournalDeps {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
  /** 32 random bits. */
  readonly random: () => number;
  /** How quick the file system is. @default measureWrites */
  readonly measure?: typeof measureWrites;
  /** The lock of the folder above, if whoever holds it opens this journal as well and closes it first. @default one of its own */
  readonly lock?: Lock;
  /** Told the lock as soon as it is taken: other files of the folder are written under it, too. */
  readonly onLocked?: (lock: Lock) => void;
}

/** What opening it has found and made. */
export interface Opened {
  readonly lock: Lock;
  readonly ledger: Ledger;
  readonly quarantine: Quarantine;
  /** Null: segments get none. */
  readonly indexes: SegmentIndexes | null;
  readonly newest: number;
  readonly truncatedBytes: number;
}
