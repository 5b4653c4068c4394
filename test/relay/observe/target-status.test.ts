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
      seen: { type: "log", enabled: false },
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
  const fail = (target: string, error: string, status: number | null = null): void => {
    const attempt = { at: clock.now(), durationMs: 40, status, error, excerpt: null };
    const sent = newDelivery("e1", target, 0, 0);
    listener({ type: "settled", meta: eventMeta(), delivery: sent, attempt });
  };
  const made = createTargetBoard({ queue, delivery, clock, config: () => config });
  return {
    clock,
    settle,
    fail,
    delivery,
    config,
    board: made,
    list: () => made.list(),
    close: () => made.close(),
  };
}

test("list() shows every configured target in its order, without credentials", async () => {
  const { list, delivery, config } = board();
  expect(list()).toEqual([
    {
      name: "bot",
      type: "http",
      address: "https://bot.dev/hook",
      enabled: true,
      breaker: "closed",
      rateWaitMs: null,
      breakerUntil: null,
      inFlight: 0,
      concurrency: 3,
      attemptsLastMinute: 0,
      attemptsLastTenMinutes: 0,
      failedLastTenMinutes: 0,
      trend: 0,
      lastHour: { succeeded: 0, failed: 0, p95Ms: null },
      lastError: null,
      errors: [],
    },
    expect.objectContaining({ name: "seen", type: "log", address: null, enabled: false }),
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

test("flow() tells from which minute on most attempts failed, also after a restart", async () => {
  const { board: first, settle, fail, clock } = board();
  expect(first.flow("bot").failingSince).toBeNull();
  fail("bot", "answered 503", 503);
  await clock.advance(60_000);
  settle("bot");
  await clock.advance(60_000);
  const since = Math.floor(clock.now() / 60_000) * 60_000;
  fail("bot", "answered 503", 503);
  await clock.advance(180_000);
  for (let n = 0; n < 2; n += 1) fail("bot", "answered 503", 503);
  settle("bot");
  expect(first.flow("bot").failingSince).toBe(since);
  const second = board();
  second.clock.setNow(clock.now());
  second.board.restore(first.save());
  expect(second.board.flow("bot").failingSince).toBe(since);
});

test("close() stops counting", () => {
  const { settle, list, close } = board();
  close();
  settle("bot");
  expect(list()[0]?.attemptsLastMinute).toBe(0);
});

test("list() tells the last hour, the last error with its event, and errors by their kind", async () => {
  const { list, settle, fail, clock } = board();
  settle("bot");
  for (const status of [503, 503, 500]) fail("bot", `answered ${status}`, status);
  fail("bot", "connection refused (connect ECONNREFUSED 10.0.0.1:443)");
  await clock.advance(120_000);
  fail("bot", "connection refused (connect ECONNREFUSED 10.0.0.2:443)");
  const [bot] = list();
  expect(bot?.lastHour).toMatchObject({ succeeded: 1, failed: 5 });
  expect(bot?.lastHour.p95Ms).toBeGreaterThan(39);
  expect(bot?.lastError).toMatchObject({ text: expect.stringContaining("10.0.0.2"), at: clock.now() });
  expect(bot?.errors.map(({ name, count }) => [name, count])).toEqual([
    ["503", 2],
    ["connection refused", 2],
    ["500", 1],
  ]);
  await clock.advance(3_600_000);
  expect(list()[0]?.lastHour).toEqual({ succeeded: 0, failed: 0, p95Ms: null });
});

test("errors of many kinds take no more room than twenty", () => {
  const { list, fail } = board();
  for (let n = 0; n < 100; n += 1) fail("bot", `kind ${n}`);
  const { errors = [] } = list()[0] ?? {};
  expect(errors).toHaveLength(21);
  expect(errors[0]).toMatchObject({ name: "other", count: 80 });
});

test("save() and restore() keep the last hour of each target over a restart", () => {
  const before = board();
  before.settle("bot");
  before.fail("bot", "answered 503", 503);
  const after = board();
  after.board.restore(JSON.parse(JSON.stringify(before.board.save())));
  expect(after.list()[0]?.lastHour).toEqual(before.list()[0]?.lastHour);
  after.board.restore({ bot: "nonsense", other: [[1, [1], []]] });
  expect(after.list()[0]?.lastHour).toEqual(before.list()[0]?.lastHour);
});

test("restore() tells of the last ten minutes, too, so that a target that failed before a restart fails after it", async () => {
  const before = board();
  before.settle("bot");
  before.fail("bot", "answered 503", 503);
  const saved = JSON.parse(JSON.stringify(before.board.save())) as unknown;
  const after = board();
  const figures = (): unknown => {
    const { attemptsLastTenMinutes, failedLastTenMinutes } = after.list()[0]!;
    return [attemptsLastTenMinutes, failedLastTenMinutes];
  };
  after.board.restore(saved);
  expect(figures()).toEqual([2, 1]);
  after.fail("bot", "answered 503", 503);
  await after.clock.advance(9 * 60_000);
  expect(figures()).toEqual([3, 2]);
  await after.clock.advance(2 * 60_000);
  expect(figures()).toEqual([0, 0]);
  const late = board();
  await late.clock.advance(20 * 60_000);
  late.board.restore(saved);
  expect(late.list()[0]).toMatchObject({ attemptsLastTenMinutes: 0, lastHour: { succeeded: 1, failed: 1 } });
});
