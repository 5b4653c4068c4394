import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../../../lib/log.ts";
import { nodeDisk } from "../../../../relay/storage/journal/disk.ts";
import type { Disk } from "../../../../relay/storage/journal/disk.ts";
import { openFilesQueue } from "../../../../relay/storage/files/queue.ts";
import type { ReplayQueue } from "../../../../relay/queue/replay-job.ts";
import { openStorage } from "../../../../relay/storage/files/open-journal.ts";
import { FakeClock } from "../../../helpers/clock.ts";
import { describeQueueContract } from "../../../helpers/queue-contract.ts";

describeQueueContract("openFilesQueue() on a journal in a folder", async () => {
  const root = await mkdtemp(join(tmpdir(), "relay-queue-"));
  const clock = new FakeClock();
  let base = join(root, "data");
  let refusing = false;
  let opened: ReplayQueue | null = null;
  let crashes = 0;
  const disk: Disk = {
    ...nodeDisk,
    freeBytes: (path) => (refusing ? Promise.resolve(0) : nodeDisk.freeBytes(path)),
  };
  return {
    now: () => clock.now(),
    advance: (ms) => clock.advance(ms),
    async open({ dedupeSeconds, retain }) {
      opened = await openFilesQueue(
        {
          openJournal: async (visitor) =>
            (await openStorage({ base, segmentBytes: 1_048_576, visitor }, { disk })).journal,
          clock,
          random: () => 0.5,
          log: silentLog,
        },
        () => ({ dedupeSeconds, ...retain }),
      );
      return opened;
    },
    async crash() {
      // The files as they are at this moment are what a new process finds after kill -9.
      const copy = join(root, `crash-${++crashes}`);
      await cp(join(base, "journal"), join(copy, "journal"), { recursive: true });
      await opened?.close();
      base = copy;
    },
    async refuseWrites(refuse) {
      refusing = refuse;
      await opened?.selfCheck();
    },
    async dispose() {
      await rm(root, { recursive: true, force: true });
    },
  };
});
