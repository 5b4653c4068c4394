/**
 * What a data folder is worth, seen from outside: whether it can be written, how long the disk takes to sync, how much room there is.
 * Opens no journal, so that it may look while a relay has the folder.
 */
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { messageOf } from "../../../lib/errors.ts";
import type { Check } from "../../queue/queue.ts";
import type { StorageProbe } from "../driver.ts";
import { nodeDisk, type Disk } from "../journal/disk.ts";
import type { filesSettings } from "./settings.ts";
import type { z } from "zod";

const SYNCS = 20;
const BLOCK = Buffer.alloc(4096, 1);

type Settings = Pick<z.output<typeof filesSettings>, "base" | "minFreeBytes">;

/** @param now monotonic clock, milliseconds */
export async function probeFolder(
  { base, minFreeBytes }: Settings,
  { now, disk = nodeDisk }: { readonly now: () => number; readonly disk?: Disk },
): Promise<StorageProbe> {
  const folder = existing(base);
  try {
    const times = await syncTimes(folder, now, disk);
    const free = await disk.freeBytes(folder);
    return {
      syncMs: times[Math.floor(times.length / 2)] ?? null,
      checks: [
        { name: "folder", ok: true, detail: `${base} can be written` },
        ...(free === null ? [] : [room(free, minFreeBytes)]),
      ],
    };
  } catch (error) {
    return {
      syncMs: null,
      checks: [{ name: "folder", ok: false, detail: `${base} cannot be written: ${messageOf(error)}` }],
    };
  }
}

/** The folder, or where the relay would make it. */
function existing(base: string): string {
  let folder = resolve(base);
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** Sorted, milliseconds. A crash half-way leaves a file of 80 KB that nothing reads. */
async function syncTimes(folder: string, now: () => number, disk: Disk): Promise<number[]> {
  const path = join(folder, `probe-${randomUUID()}.tmp`);
  const file = await disk.open(path, "create");
  const times: number[] = [];
  try {
    for (let count = 0; count < SYNCS; count += 1) {
      await disk.write(file, [BLOCK], count * BLOCK.length);
      const start = now();
      await disk.syncData(file);
      times.push(now() - start);
    }
  } finally {
    await disk.close(file);
    await disk.unlink(path);
  }
  return times.sort((a, b) => a - b);
}

function room(free: number, floor: number): Check {
  const mib = (bytes: number): string => `${Math.floor(bytes / 1_048_576)} MiB`;
  return {
    name: "free-space",
    ok: free > floor,
    detail: `${mib(free)} free, webhooks are refused below ${mib(floor)}`,
  };
}
