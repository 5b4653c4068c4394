/**
 * GitLab resends five deliveries a minute for each project or group and user, and says so nowhere but in a refusal. This keeps
 * within it: places share nothing, hooks of one place do.
 */
import type { Clock } from "../../lib/clock.ts";

const RESENDS = 5;
export const WINDOW_MS = 60_000;

export interface Pace {
  /** Milliseconds until a place may resend; 0: now. */
  waitMs(place: string): number;
  /** Counts one, at the time of its answer: GitLab has counted it before. */
  count(place: string): void;
  /** GitLab says that it is too much: others resend, too. */
  fill(place: string): void;
}

export function createPace(clock: Clock): Pace {
  const times = new Map<string, number[]>();

  function recent(place: string): number[] {
    const from = clock.monotonic() - WINDOW_MS;
    const left = (times.get(place) ?? []).filter((at) => at > from);
    times.set(place, left);
    return left;
  }

  return {
    waitMs(place) {
      const left = recent(place);
      const first = left.at(-RESENDS);
      return first === undefined ? 0 : Math.max(1, first + WINDOW_MS - clock.monotonic());
    },
    count: (place) => void recent(place).push(clock.monotonic()),
    fill: (place) =>
      void times.set(
        place,
        Array.from({ length: RESENDS }, () => clock.monotonic()),
      ),
  };
}
