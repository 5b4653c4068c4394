/** What the operator's side shows of each target: its settings, its worker, and how many attempts the last minute saw. */
import type { Clock } from "../../lib/clock.ts";
import type { TargetStatus as Shown } from "../admin/ports.ts";
import type { Config } from "../config/schema.ts";
import type { DeliveryWorkers } from "../delivery/workers.ts";
import { targetAddress } from "../targets/registry.ts";
import type { Queue } from "../queue/queue.ts";

const SECONDS = 60;

export interface TargetBoard {
  /** Every configured target, in the order of the configuration. */
  list(): Shown[];
  /** Stops counting. */
  close(): void;
}

export interface BoardDeps {
  readonly queue: Pick<Queue, "onEvent">;
  readonly delivery: Pick<DeliveryWorkers<never>, "status">;
  readonly config: () => Config;
  readonly clock: Clock;
}

/** Counts attempts from now on, in 60 counters per target, whatever the traffic. */
export function createTargetBoard({ queue, delivery, config, clock }: BoardDeps): TargetBoard {
  const counters = new Map<string, Counter>();
  const close = queue.onEvent((event) => {
    if (event.type !== "settled" || event.attempt === null) return;
    const { target } = event.delivery;
    let counter = counters.get(target);
    if (counter === undefined) counters.set(target, (counter = createCounter()));
    counter.add(second(clock));
  });
  return {
    close,
    list() {
      const status = delivery.status();
      return Object.entries(config().targets).map(([name, target]) => {
        const worker = status.get(name);
        const opensInMs = worker?.opensInMs ?? null;
        return {
          name,
          type: target.type,
          address: targetAddress(target),
          breaker: worker?.breaker ?? "closed",
          breakerUntil: opensInMs === null ? null : clock.now() + opensInMs,
          inFlight: worker === undefined ? 0 : worker.sending.first + worker.sending.retry,
          concurrency: target.concurrency,
          attemptsLastMinute: counters.get(name)?.total(second(clock)) ?? 0,
        };
      });
    },
  };
}

function second(clock: Clock): number {
  return Math.floor(clock.monotonic() / 1000);
}

interface Counter {
  add(now: number): void;
  total(now: number): number;
}

/** A ring with a count for each of the last 60 seconds. */
function createCounter(): Counter {
  const counts = new Uint32Array(SECONDS);
  let last = 0;
  const moveTo = (now: number): void => {
    if (now - last >= SECONDS) counts.fill(0);
    else for (let s = last + 1; s <= now; s++) counts[s % SECONDS] = 0;
    last = now;
  };
  return {
    add(now) {
      moveTo(now);
      counts[now % SECONDS] = (counts[now % SECONDS] as number) + 1;
    },
    total(now) {
      moveTo(now);
      return counts.reduce((sum, count) => sum + count, 0);
    },
  };
}
