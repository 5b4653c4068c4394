/** A queue of one process on a journal in memory, with everything that a test moves at hand. */
import { silentLog, type Log } from "../../lib/log.ts";
import { openFilesQueue } from "../../relay/storage/files/queue.ts";
import type { Router } from "../../relay/queue/queue.ts";
import type { ReplayQueue } from "../../relay/queue/replay-job.ts";
import { FakeClock } from "./clock.ts";
import { MemoryDisk, openMemoryJournal } from "./memory-journal.ts";
import { SETTINGS, type QueueSettings } from "./queue-contract.ts";

export interface FilesRig {
  readonly disk: MemoryDisk;
  readonly clock: FakeClock;
  /** Opens a queue on what is on the disk, and sets its routing. */
  open(router: Router, settings?: QueueSettings): Promise<ReplayQueue>;
}

export function createFilesRig(options: { random?: () => number; log?: Log } = {}): FilesRig {
  const disk = new MemoryDisk();
  const clock = new FakeClock();
  return {
    disk,
    clock,
    async open(router, { dedupeSeconds, retain } = SETTINGS) {
      const queue = await openFilesQueue(
        {
          openJournal: (visitor) => openMemoryJournal(disk, visitor),
          clock,
          random: options.random ?? (() => 0.5),
          log: options.log ?? silentLog,
        },
        () => ({ dedupeSeconds, ...retain }),
      );
      queue.setRouting(router, ["a", "b"]);
      return queue;
    },
  };
}
