/**
 * Prints what the segments of a journal hold, frame by frame, in the order of writing: `npm run journal -- FOLDER [--keys PREFIX]`.
 * FOLDER is the one that holds the segments, such as data/journal. Reads only and takes no lock: a running relay is not disturbed,
 * and the end of the segment that it writes to may be reported as damaged.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { nodeDisk } from "../relay/storage/journal/disk.ts";
import { FrameType } from "../relay/storage/journal/frame.ts";
import { scanSegment } from "../relay/storage/journal/scan.ts";
import { endOfContent } from "../relay/storage/journal/segment-bytes.ts";
import { segmentPath, sequenceOf } from "../relay/storage/journal/segment.ts";

const NAMES = new Map<FrameType, string>(Object.entries(FrameType).map(([name, type]) => [type, name]));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { keys: { type: "string", default: "" } },
});
const [folder] = positionals;
if (folder === undefined) {
  console.error("usage: npm run journal -- FOLDER [--keys PREFIX]");
  process.exit(2);
}
process.stdout.on("error", () => process.exit(0)); // a pager that was closed

const names = await nodeDisk.list(folder).catch((error: Error) => {
  console.error(`Cannot read ${folder}: ${error.message}`);
  process.exit(2);
});
const sequences = names.flatMap((name) => sequenceOf(name) ?? []).toSorted((a, b) => a - b);
if (sequences.length === 0) {
  console.error(`${join(folder, "*.log")}: there is no segment in this folder`);
  process.exit(1);
}
for (const sequence of sequences) await printSegment(folder, sequence, values.keys);

async function printSegment(base: string, sequence: number, prefix: string): Promise<void> {
  const path = segmentPath(base, sequence);
  const fd = await nodeDisk.open(path, "read");
  try {
    const bytes = await nodeDisk.size(fd);
    let frames = 0;
    let damaged = 0;
    let tail: number | null = null;
    console.log(`segment ${sequence}: ${bytes} bytes`);
    const printDamage = (start: number, end: number): void => {
      damaged += end - start;
      console.log(`  ${String(start).padStart(10)}  no whole frame up to ${end}`);
    };
    await scanSegment(
      { disk: nodeDisk, fd, sequence, bytes },
      {
        frame({ type, key, offset, value }) {
          frames += 1;
          if (key.startsWith(prefix))
            console.log(
              `  ${String(offset).padStart(10)}  ${NAMES.get(type)?.padEnd(6)}  ${key}  ${value.length} bytes`,
            );
        },
        bad(start, end) {
          if (end === bytes) tail = start;
          else printDamage(start, end);
        },
        later(offset, type) {
          console.log(`  ${String(offset).padStart(10)}  type ${type}, of a later version`);
        },
      },
    );
    if (tail !== null) {
      const end = await endOfContent({ disk: nodeDisk, fd, bytes }, tail);
      if (end > tail) printDamage(tail, end);
      if (end < bytes)
        console.log(`  ${String(end).padStart(10)}  zeros up to ${bytes}: space for what comes next`);
    }
    console.log(`  ${frames} frames, ${damaged} bytes that are no frame`);
  } finally {
    await nodeDisk.close(fd);
  }
}
