/**
 * When a failing hook is switched off. Three failures in a row are free; the fourth pauses it for a minute, each further one for
 * twice as long, up to a day; the fortieth ends it. Before 17.11 nothing ends it but four answers of 4xx in a row. Any success
 * forgives all. Without the flag every hook is always executable.
 */
import type { Hook } from "./hook.ts";
import type { World } from "./world.ts";

export type AlertStatus = "executable" | "temporarily_disabled" | "disabled";

const FREE_FAILURES = 3;
const LAST_FAILURE = 40;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

export function alertStatus(world: World, hook: Hook): AlertStatus {
  if (!world.settings.autoDisable || hook.level === "system") return "executable";
  if (hook.failedForGood || (world.since(17, 11) && hook.recentFailures >= LAST_FAILURE)) return "disabled";
  const paused = hook.disabledUntil !== null && hook.disabledUntil >= world.clock.now();
  return paused && hook.recentFailures > FREE_FAILURES ? "temporarily_disabled" : "executable";
}

/** @param status final status of a delivery; null: there was no answer */
export function recordOutcome(world: World, hook: Hook, status: number | null): void {
  if (!world.settings.autoDisable || hook.level === "system") return;
  if (status !== null && status >= 200 && status < 400) {
    hook.recentFailures = 0;
    hook.disabledUntil = null;
    hook.failedForGood = false;
    return;
  }
  if (alertStatus(world, hook) !== "executable") return;
  hook.recentFailures++;
  if (hook.recentFailures <= FREE_FAILURES) return;
  const clientFault = status !== null && status >= 400 && status < 500;
  if (!world.since(17, 11) && clientFault) {
    hook.failedForGood = true;
    return;
  }
  const pause = Math.min(DAY_MS, MINUTE_MS * 2 ** (hook.recentFailures - FREE_FAILURES - 1));
  hook.disabledUntil = world.clock.now() + pause;
}
