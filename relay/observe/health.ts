/** Is the relay fit for webhooks: what the queue says of its storage, and what the program says of itself. */
import type { Check, Queue } from "../queue/queue.ts";

export interface Health {
  readonly status: "ready" | "unavailable";
  readonly checks: readonly Check[];
}

export interface HealthDeps {
  readonly queue: Pick<Queue, "checks">;
  readonly isStopping: () => boolean;
  /** Checks of the program itself, such as whether its workers run. */
  readonly own: () => readonly Check[];
}

/** As last seen; nothing is tried. */
export function healthOf(deps: HealthDeps): Health {
  const accepting: Check = deps.isStopping()
    ? { name: "accepting", ok: false, detail: "shutting down" }
    : { name: "accepting", ok: true, detail: "accepting webhooks" };
  const checks = [accepting, ...deps.queue.checks(), ...deps.own()];
  return { status: checks.every((check) => check.ok) ? "ready" : "unavailable", checks };
}
