/**
 * Log lines in a file per UTC day, beside standard output: `relay-2026-01-31.jsonl`, the same lines, kept for some days. Writing
 * never waits for the disk and never fails its caller; what cannot be written is counted and told once per trouble. pino-roll begins files at local midnight and
 * keeps a number of files, not of days.
 */
import { createWriteStream, type WriteStream } from "node:fs";
import { mkdir, readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, systemCode } from "../../lib/errors.ts";

const NAME = /^relay-(\d{4}-\d{2}-\d{2})\.jsonl$/;
const DAY_MS = 86_400_000;
/** Bytes that may wait for a slow disk; lines beyond that are left out of the file. */
const MAX_WAITING_BYTES = 8_388_608;

export interface LogFilesOptions {
  readonly dir: string;
  /** Days kept, today included. */
  readonly keepDays: number;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  /** Told in words when lines cannot be written, once until writing works again. */
  readonly onTrouble: (message: string) => void;
}

export interface LogFiles {
  write(line: string): void;
  /** Everything written so far is in the file when it resolves. */
  close(): Promise<void>;
}

/** Makes the folder if it is missing. Rejects if that fails. */
export async function openLogFiles(options: LogFilesOptions): Promise<LogFiles> {
  await mkdir(options.dir, { recursive: true, mode: 0o750 });
  let day = "";
  let stream: WriteStream | null = null;
  let isTroubled = false;
  const ends: Promise<void>[] = [];

  const trouble = (message: string): void => {
    if (!isTroubled) options.onTrouble(message);
    isTroubled = true;
  };

  const end = (ended: WriteStream): void => {
    ends.push(
      new Promise((resolve) => {
        ended.once("close", resolve);
        ended.end();
      }),
    );
  };

  const open = (today: string): WriteStream => {
    if (stream !== null) end(stream);
    day = today;
    const opened = createWriteStream(join(options.dir, `relay-${today}.jsonl`), { flags: "a", mode: 0o640 });
    opened.on("error", (error) => {
      trouble(`cannot write the log file of ${today}: ${messageOf(error)}`);
      if (stream === opened) stream = null;
    });
    stream = opened;
    removeOld(options, today).catch((error: unknown) =>
      trouble(`cannot remove old log files: ${messageOf(error)}`),
    );
    return opened;
  };

  return {
    write(line) {
      const today = new Date(options.now()).toISOString().slice(0, 10);
      const target = stream === null || today !== day ? open(today) : stream;
      if (target.writableLength > MAX_WAITING_BYTES) {
        trouble("the disk is too slow for the log files; lines are left out of them");
        return;
      }
      target.write(line, (error) => {
        if (error === null || error === undefined) isTroubled = false;
      });
    },
    async close() {
      if (stream !== null) end(stream);
      stream = null;
      await Promise.all(ends);
    },
  };
}

async function removeOld({ dir, keepDays }: LogFilesOptions, today: string): Promise<void> {
  const oldest = Date.parse(today) - (keepDays - 1) * DAY_MS;
  for (const name of await readdir(dir)) {
    const day = NAME.exec(name)?.[1];
    if (day === undefined || !(Date.parse(day) < oldest)) continue;
    await unlink(join(dir, name)).catch((error: unknown) => {
      if (systemCode(error) !== "ENOENT") throw error;
    });
  }
}
