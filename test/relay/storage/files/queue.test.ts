import { silentLog } from "../../../../lib/log.ts";
import { openFilesQueue } from "../../../../relay/storage/files/queue.ts";
import { FakeClock } from "../../../helpers/clock.ts";
import { MemoryDisk, openMemoryJournal } from "../../../helpers/memory-journal.ts";
import { describeQueueContract, type QueueHarness } from "../../../helpers/queue-contract.ts";
import { describeReplayContract } from "../../../helpers/replay-contract.ts";

function harness(): Promise<QueueHarness> {
  const disk = new MemoryDisk();
  const clock = new FakeClock();
  return Promise.resolve({
    now: () => clock.now(),
    advance: (ms) => clock.advance(ms),
    open: ({ dedupeSeconds, retain }) =>
      openFilesQueue(
        {
          openJournal: (visitor) => openMemoryJournal(disk, visitor),
          clock,
          random: () => 0.5,
          log: silentLog,
        },
        () => ({ dedupeSeconds, ...retain }),
      ),
    crash: () => Promise.resolve(disk.crash()),
    refuseWrites(refuse) {
      disk.failing = refuse ? "disk-full" : null;
    },
    dispose: () => Promise.resolve(),
  });
}

describeQueueContract("openFilesQueue() on a journal in memory", harness);
describeReplayContract("openFilesQueue() on a journal in memory", harness, { seeds: [0, 1, 2, 3], limit: 2 });
