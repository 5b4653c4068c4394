import { expect, test } from "vitest";
import { silentLog } from "../../../lib/log.ts";
import { createDeliveryWorkers } from "../../../relay/delivery/workers.ts";
import { createTargetsOrFailing } from "../../../relay/targets/registry.ts";
import { newDelivery } from "../../../relay/queue/delivery-state.ts";
import type { Queue, QueueEvent } from "../../../relay/queue/queue.ts";
import { createTargetBoard } from "../../../relay/observe/target-status.ts";
import { FakeClock } from "../../helpers/clock.ts";
import { eventMeta } from "../../helpers/events.ts";
import { configOf } from "../../helpers/intake.ts";
import { createMemoryQueue } from "../../helpers/memory-queue.ts";

function board() {
  const clock = new FakeClock();
  const memory = createMemoryQueue(() => clock.now());
  let listener: (event: QueueEvent) => void = () => {};
  const queue: Queue = {
    ...memory,
    onEvent(heard) {
      listener = heard;
      return () => (listener = () => {});
    },
  };
  const config = configOf({
    targets: {
      bot: { type: "http", url: "https://user:pass@bot.dev/hook?key=secret", concurrency: 3 },
      seen: { type: "log" },
    },
  });
  const delivery = createDeliveryWorkers({
    queue,
    clock,
    log: silentLog,
    random: () => 0.5,
    createTarget: createTargetsOrFailing({ clock, log: silentLog }),
  });
  const settle = (target: string, counts = true): void => {
    const attempt = { at: 0, durationMs: 1, status: 200, error: null, excerpt: null };
    const sent = newDelivery("e1", target, 0, 0);
    listener({ type: "settled", meta: eventMeta(), delivery: sent, attempt: counts ? attempt : null });
  };
  return {
    clock,
    settle,
    delivery,
    config,
    ...createTargetBoard({ queue, delivery, clock, config: () => config }),
  };
}

test("list() shows every configured target in its order, without credentials", async () => {
  const { list, delivery, config } = board();
  expect(list()).toEqual([
    {
      name: "bot",
      type: "http",
      address: "https://bot.dev/hook",
      breaker: "closed",
      breakerUntil: null,
      inFlight: 0,
      concurrency: 3,
      attemptsLastMinute: 0,
      attemptsLastTenMinutes: 0,
      failedLastTenMinutes: 0,
      lastError: null,
    },
    expect.objectContaining({ name: "seen", type: "log", address: null }),
  ]);
  delivery.prepare(config.targets).commit();
  expect(list().map((target) => target.breaker)).toEqual(["closed", "closed"]);
  await delivery.stop(0);
});

test("attemptsLastMinute counts each target's attempts of the last 60 seconds", async () => {
  const { clock, settle, list } = board();
  const counts = (): number[] => list().map((target) => target.attemptsLastMinute);
  settle("bot");
  settle("bot");
  settle("seen");
  settle("bot", false);
  await clock.advance(30_000);
  settle("bot");
  expect(counts()).toEqual([3, 1]);
  await clock.advance(29_000);
  expect(counts()).toEqual([3, 1]);
  await clock.advance(1000);
  expect(counts()).toEqual([1, 0]);
  await clock.advance(3_600_000);
  settle("seen");
  expect(counts()).toEqual([0, 1]);
});

test("close() stops counting", () => {
  const { settle, list, close } = board();
  close();
  settle("bot");
  expect(list()[0]?.attemptsLastMinute).toBe(0);
});
