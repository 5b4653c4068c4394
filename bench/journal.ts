/**
 * The journal against the bare disk, in one run: `npx tsx bench/journal.ts [size in bytes]`. For 1, 8, 64 and 256 writers, each
 * of which waits for its write before it makes the next one: writes a second through the journal, and through nothing but
 * append + fdatasync by the same number of writers that share syncs. Prints a table and one line of JSON.
 */
import { close, fdatasync, open, rmSync, mkdtempSync, writev } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { openJournal } from "../relay/storage/journal/open.ts";

const SIZE = Number(process.argv[2] ?? 10_240);
const ROUND_MS = 1500;
const ROUNDS = 5;
const value = Buffer.alloc(SIZE, "x");

interface Round {
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
}

/** Runs `writers` loops of `write` for a while; returns writes a second and the median wait. */
async function loop(writers: number, write: (n: number) => Promise<void>): Promise<Round> {
  const waits: number[] = [];
  const begun = performance.now();
  let n = 0;
  await Promise.all(
    Array.from({ length: writers }, async () => {
      while (performance.now() - begun < ROUND_MS) {
        const from = performance.now();
        await write(n++);
        waits.push(performance.now() - from);
      }
    }),
  );
  waits.sort((a, b) => a - b);
  const at = (share: number): number => waits[Math.floor((waits.length - 1) * share)] ?? 0;
  return { rate: waits.length / ((performance.now() - begun) / 1000), p50: at(0.5), p99: at(0.99) };
}

/** The least that a group commit can be: one buffer list, one writev, one fdatasync, again. */
async function bareDisk(folder: string, writers: number): Promise<Round> {
  const fd = await promisify(open)(join(folder, `bare-${writers}`), "w");
  let queue: (() => void)[] = [];
  let busy = false;
  let at = 0;
  const flush = (): void => {
    const batch = queue;
    queue = [];
    busy = true;
    const position = at;
    at += batch.length * SIZE;
    writev(
      fd,
      batch.map(() => value),
      position,
      (failed) => {
        if (failed !== null) throw failed;
        fdatasync(fd, (error) => {
          if (error !== null) throw error;
          busy = false;
          if (queue.length > 0) flush();
          for (const done of batch) done();
        });
      },
    );
  };
  const result = await loop(writers, async () => {
    await new Promise<void>((resolve) => {
      queue.push(resolve);
      if (!busy) flush();
    });
  });
  await promisify(close)(fd);
  rmSync(join(folder, `bare-${writers}`));
  return result;
}

async function journal(folder: string, writers: number): Promise<Round> {
  const base = join(folder, `journal-${writers}`);
  const opened = await openJournal({ base });
  const result = await loop(writers, (n) =>
    opened.write([{ type: "set", key: `event:${n}`, value }], "synced"),
  );
  await opened.close();
  rmSync(base, { recursive: true });
  return result;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
const folder = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), "bench-journal-"));
const rows = [];
for (const writers of [1, 8, 64, 256]) {
  const bare: Round[] = [];
  const ours: Round[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    bare.push(await bareDisk(folder, writers));
    ours.push(await journal(folder, writers));
  }
  rows.push({
    writers,
    "bare/s": Math.round(median(bare.map((r) => r.rate))),
    "journal/s": Math.round(median(ours.map((r) => r.rate))),
    ratio: Number(median(ours.map((r, i) => r.rate / (bare[i]?.rate ?? 1))).toFixed(2)),
    "bare p50 ms": Number(median(bare.map((r) => r.p50)).toFixed(2)),
    "journal p50 ms": Number(median(ours.map((r) => r.p50)).toFixed(2)),
    "journal p99 ms": Number(median(ours.map((r) => r.p99)).toFixed(2)),
  });
}
rmSync(folder, { recursive: true });
console.table(rows);
console.log(JSON.stringify({ bench: "journal", valueBytes: SIZE, rows }));
