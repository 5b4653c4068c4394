/** A clock on which time passes faster: an hour of limits and pauses fits into a test that does not want to fake them. */
import type { Clock } from "../../lib/clock.ts";
import { systemClock } from "../../lib/clock.ts";

/** @param factor how many of its milliseconds pass in one real one */
export function createScaledClock(factor: number, base: Clock = systemClock): Clock {
  const wallStart = base.now();
  const monotonicStart = base.monotonic();
  const elapsed = (): number => (base.monotonic() - monotonicStart) * factor;
  return {
    now: () => Math.floor(wallStart + elapsed()),
    monotonic: elapsed,
    after: (delayMs, task) => base.after(delayMs / factor, task),
  };
}
