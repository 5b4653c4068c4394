/** How V8 collects garbage in a relay. */
import { availableParallelism } from "node:os";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Clock } from "../../lib/clock.ts";

/** For how long the event loop must have been idle but for QUIET_SHARE of the time. V8 looks at the last five seconds itself. */
const QUIET_MS = 6000;
const QUIET_SHARE = 0.1;

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
 * Gives back, once nothing much happens, what the start left behind: 14 MB. V8 keeps the space in which that was allocated until much is
 * allocated again. Not for Deno, which does not tell how busy it is.
 * @param busy share of the time since it was asked last
 */
export function collectWhenQuiet(
  clock: Clock,
  busy: () => number = createBusyShare(),
  collect: (() => void) | null = collector(),
): void {
  if (collect === null) return;
  busy();
  clock.after(QUIET_MS, () => {
    if (busy() > QUIET_SHARE) collectWhenQuiet(clock, busy, collect);
    else collect();
  });
}

/** Tells for how much of the time since it was asked last the event loop was busy. */
function createBusyShare(): () => number {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}

/**
 * What frees the buffers that became garbage since it was called last. V8 does so by itself, but only after 32 MB of them: the
 * whole of what strangers may take. Null if the runtime has no such thing.
 */
export function quickCollection(): (() => void) | null {
  const collect = collector();
  return collect === null ? null : () => collect({ type: "minor" });
}

function collector(): ((options?: { type: "minor" }) => void) | null {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("globalThis.gc");
  return typeof collect === "function" ? (options) => void collect(options) : null;
}
