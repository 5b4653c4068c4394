/**
 * Slows down guessing: after `limit` failures within a window, an address is refused until the window ends, without its
 * credential being looked at. Keeps a bounded number of addresses; the oldest are forgotten first.
 */
import type { Clock } from "../../../lib/clock.ts";

const MAX_ADDRESSES = 10_000;

export interface Throttle {
  /** Seconds until this address may try again; 0: now. */
  waitSeconds(address: string): number;
  failed(address: string): void;
  succeeded(address: string): void;
}

/** @param windowMs counted from an address' first failure */
export function createThrottle(clock: Clock, limit: number, windowMs: number): Throttle {
  const windows = new Map<string, { failures: number; readonly endsAt: number }>();
  const current = (address: string) => {
    const found = windows.get(address);
    if (found !== undefined && found.endsAt > clock.monotonic()) return found;
    windows.delete(address);
    return undefined;
  };
  return {
    waitSeconds(address) {
      const window = current(address);
      if (window === undefined || window.failures < limit) return 0;
      return Math.ceil((window.endsAt - clock.monotonic()) / 1000);
    },
    failed(address) {
      const window = current(address);
      if (window !== undefined) {
        window.failures += 1;
        return;
      }
      if (windows.size >= MAX_ADDRESSES) windows.delete(windows.keys().next().value as string);
      windows.set(address, { failures: 1, endsAt: clock.monotonic() + windowMs });
    },
    succeeded: (address) => void windows.delete(address),
  };
}
