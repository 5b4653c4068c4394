/**
 * A journal in a process of its own, for tests that kill it, let its disk fail, or measure its memory. Runs on every runtime:
 * `process.ts hold|write|check|memory FOLDER [auto]`; `auto`: segments are filled ahead, whatever the disk. Says what it does as JSON
 * lines.
 */
import { createHash } from "node:crypto";
import { UpstreamError } from "../../../../lib/errors.ts";
import { openJournal } from "../../../../relay/storage/journal/open.ts";
import type { Journal, Operation } from "../../../../relay/storage/journal/types.ts";

const [mode = "", base = "", preallocate] = process.argv.slice(2);

/** Of a disk that writes in place soonest. */
const IN_PLACE = { appendSyncMs: 4, appendDurableMs: 3, inPlaceSyncMs: 2, inPlaceDurableMs: 1 };

function say(line: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function valueOf(key: string): Buffer {
  return Buffer.alloc(3000, createHash("sha256").update(key).digest());
}

/** Writes until killed, and says of each key that it was acknowledged; goes on after a refusal. */
async function write(journal: Journal): Promise<void> {
  let next = 0;
  const writer = async (): Promise<void> => {
    for (;;) {
      const key = `k${next++}`;
      try {
        await journal.write([{ type: "set", key, value: valueOf(key) }], "synced");
        say({ acked: key });
      } catch (error) {
        if (!(error instanceof UpstreamError)) throw error;
        say({ refused: key, code: error.code });
        await new Promise((resolve) => {
          setTimeout(resolve, 5);
        });
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, writer));
}

/** The keys whose values are what write() gave them. */
async function check(journal: Journal): Promise<void> {
  const keys: string[] = [];
  for (const key of journal.keys("")) {
    const value = await journal.get(key);
    if (value !== null && valueOf(key).equals(value)) keys.push(key);
  }
  say({ ...journal.stats(), keys });
}

/** Bytes a key costs: written in this process, and found by one that opens the folder. */
async function memory(): Promise<void> {
  const keys = 1_000_000;
  const atOnce = 1000;
  const value = Buffer.from("v");
  const collect = globalThis.gc as () => void;
  const used = (): number => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  /** Opens, does the work, and says what it then holds for each key; keeps nothing. */
  const cost = async (work: (journal: Journal) => Promise<void>): Promise<number> => {
    const before = used();
    const journal = await openJournal({ base });
    await work(journal);
    const bytes = (used() - before) / journal.stats().keys;
    await journal.close();
    return bytes;
  };
  const written = await cost(async (journal) => {
    for (let n = 0; n < keys; n += atOnce) {
      const operations = Array.from({ length: atOnce }, (_, m): Operation => {
        return { type: "set", key: `event:01jhx4t6a8-${String(n + m).padStart(14, "0")}`, value };
      });
      await journal.write(operations, "synced");
    }
  });
  const found = await cost(async () => {});
  say({ keys, written, found });
}

async function main(): Promise<void> {
  if (mode === "memory") return await memory();
  const journal = await openJournal(
    { base, minFreeBytes: 0, segmentBytes: 200_000, preallocate: preallocate === "auto" ? "auto" : "off" },
    { measure: () => Promise.resolve(IN_PLACE) },
  );
  say({ open: process.pid });
  if (mode === "write") return await write(journal);
  if (mode === "check") await check(journal);
  else {
    process.stdin.resume();
    await new Promise((resolve) => {
      process.stdin.once("end", resolve);
    });
  }
  await journal.close();
  say({ closed: true });
}

await main();
