/** What a waiting delivery waits for, in words. */
import type { Delivery } from "../../queue/delivery-state.ts";
import { grouped } from "../../../lib/numbers.ts";
import { utcTime } from "../../../lib/utc.ts";
import type { AdminDeps } from "../ports.ts";
import { targetRows, type TargetRow } from "./view.ts";

/**
 * What deliveries wait for as things stand now.
 * @param deliveries those that will be asked about: while none of them waits, the storage is asked nothing; null: any
 */
export async function waitsNow(
  deps: Pick<AdminDeps, "queue" | "targets" | "clock">,
  deliveries: readonly Delivery[] | null,
): Promise<(delivery: Delivery) => string> {
  if (deliveries?.every(({ state }) => state !== "waiting") === true) return () => "";
  const rows = new Map(targetRows(deps, await deps.queue.stats()).map((row) => [row.name, row]));
  const now = deps.clock.now();
  return (delivery) => waitsFor(delivery, rows.get(delivery.target) ?? null, now);
}

/** @param target null: the settings do not name it */
export function waitsFor(delivery: Delivery, target: TargetRow | null, now: number): string {
  if (target === null) return "the settings no longer name this target: move its deliveries, or put it back";
  if (target.paused) return "the target is paused";
  if (target.breaker === "open") {
    const until = target.breakerUntil === null ? "" : ` until ${utcTime(Math.max(now, target.breakerUntil))}`;
    return `the breaker is open${until}`;
  }
  if (delivery.dueAt !== null && delivery.dueAt > now)
    return `the next attempt is at ${utcTime(delivery.dueAt)}`;
  const others = Math.max(0, target.waiting - 1);
  const queue = others === 0 ? "" : `, ${grouped(others)} others are waiting`;
  if (target.rateWaitMs !== null && target.rateWaitMs > 0)
    return `the rate limit of the target has been reached${queue}`;
  if (target.breaker === "half-open") return `the target is being probed${queue}`;
  if (target.inFlight >= target.concurrency)
    return `${grouped(target.inFlight)} of ${grouped(target.concurrency)} slots are busy${queue}`;
  return others === 0 ? "next in line" : `in line${queue}`;
}
