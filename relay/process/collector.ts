/** How V8 collects garbage in a relay. */
import { availableParallelism } from "node:os";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * To be called before anything else is done. Normally V8 allocates in the old generation whatever survived often when the process
 * was young. Of a relay that is nearly everything that belongs to a request: at first the new generation is small, and a request
 * outlives several collections while it waits for the disk. Later it would outlive none, but the decision is never taken back:
 * measured at 64 connections, the old generation then fills every second, and a webhook costs a fifth more time.
 */
export function tuneCollector(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
  // Full collections come after growth by half: with a backlog of a million events, garbage would take another 80 MB.
  setFlagsFromString("--heap-growing-percent=50");
  // Threads that help with quick collections need a core of their own: on a single one a webhook costs a twentieth less without.
  if (availableParallelism() === 1) setFlagsFromString("--no-parallel-scavenge");
}

/**
 * What frees the buffers that became garbage since it was called last. V8 does so by itself, but only after 32 MB of them: the
 * whole of what strangers may take. Null where the runtime has no such thing.
 */
export function quickCollection(): (() => void) | null {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("globalThis.gc");
  return typeof collect === "function" ? () => void collect({ type: "minor" }) : null;
}
