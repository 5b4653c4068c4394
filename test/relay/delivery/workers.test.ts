import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Log, LogFields } from "../../../lib/log.ts";
import type { TargetSettings } from "../../../relay/targets/registry.ts";
import { createDeliveryWorkers, type DeliveryWorkers } from "../../../relay/delivery/workers.ts";
import type { Target } from "../../../relay/delivery/port.ts";
import { FakeClock } from "../../helpers/clock.ts";
import { DeliveryQueue } from "../../helpers/delivery-queue.ts";
import { answered, httpConfig, SteeredTarget } from "../../helpers/targets.ts";

let clock: FakeClock;
let queue: DeliveryQueue;
let delivery: DeliveryWorkers<TargetSettings>;
let lines: { readonly event: string; readonly fields: LogFields }[];
let targets: Map<string, Target>;
let random: () => number;

const done = answered(200);
const failed = answered(500);

function recordingLog(base: LogFields = {}): Log {
  const write = (event: string, fields: LogFields = {}): void => {
    lines.push({ event, fields: { ...base, ...fields } });
  };
  const child = (fields: LogFields): Log => recordingLog({ ...base, ...fields });
  return { debug: write, info: write, warn: write, error: write, child };
}

const logged = (event: string): LogFields[] => lines.filter((l) => l.event === event).map((l) => l.fields);

beforeEach(() => {
  clock = new FakeClock();
  queue = new DeliveryQueue(clock);
  lines = [];
  targets = new Map();
  random = () => 0.5;
  delivery = createDeliveryWorkers({
    queue,
    clock,
    random: () => random(),
    log: recordingLog(),
    createTarget: (name) => {
      const target = targets.get(name);
      if (target === undefined) throw new Error(`no target "${name}"`);
      return target;
    },
  });
});

afterEach(async () => {
  const stopped = delivery.stop(0);
  await clock.advance(0);
  await stopped;
  expect(clock.pendingTimers).toBeLessThanOrEqual(queue.count("waiting"));
});

function configure(all: Record<string, Record<string, unknown>>): void {
  const entries = Object.entries(all).map(([name, changes]) => [name, httpConfig(changes)] as const);
  delivery.prepare(Object.fromEntries<TargetSettings>(entries)).commit();
}

function steer(name: string, target = new SteeredTarget()): SteeredTarget {
  targets.set(name, target);
  return target;
}

function statusOf(name: string) {
  const status = delivery.status().get(name);
  if (status === undefined) throw new Error(`no status of "${name}"`);
  return status;
}

describe("slots", () => {
  test("concurrency is reached by first tries alone, and never exceeded", async () => {
    const target = steer("bot");
    configure({ bot: { concurrency: 5 } });
    for (let i = 0; i < 40; i++) queue.add("bot", i % 3 === 2 ? { attempts: 1 } : {});
    await clock.advance(1);
    expect(target.underWay).toBe(5);
    for (let round = 0; round < 40 && queue.count("done") < 40; round++) {
      target.release(done, 2);
      await clock.advance(1);
    }
    expect(queue.count("done")).toBe(40);
    expect(target.mostUnderWay).toBe(5);
    expect(target.sent).toHaveLength(40);
  });

  test("a fresh event finds a slot while a thousand retries hang", async () => {
    const target = steer("bot", new SteeredTarget((s) => (s.attempt > 1 ? "hang" : done)));
    configure({ bot: { concurrency: 8, timeoutSeconds: 3600 } });
    for (let i = 0; i < 1000; i++) queue.add("bot", { attempts: 3 });
    await clock.advance(1);
    expect(target.underWay).toBe(6);
    const fresh = queue.add("bot");
    await clock.advance(1);
    expect(queue.state(fresh)).toBe("done");
  });

  test("retries get their turn under a steady stream of fresh events", async () => {
    steer("bot", new SteeredTarget(() => done));
    configure({ bot: { concurrency: 4 } });
    for (let i = 0; i < 200; i++) queue.add("bot");
    const old = queue.add("bot", { attempts: 2 });
    await queue.until(() => queue.count("done") >= 20);
    expect(queue.state(old)).toBe("done");
    expect(queue.count("waiting")).toBeGreaterThan(100);
  });

  test("a target that hangs does not hold another one up", async () => {
    const slow = steer("slow");
    const quick = steer("quick", new SteeredTarget(() => done));
    configure({ slow: {}, quick: {} });
    for (let i = 0; i < 100; i++) {
      queue.add("slow");
      queue.add("quick");
    }
    await queue.until(() => queue.count("done") === 100);
    expect(quick.sent).toHaveLength(100);
    expect(queue.count("done")).toBe(100);
    expect(slow.underWay).toBe(16);
  });
});

describe("attempts", () => {
  test("failures are retried by the schedule, then the delivery is dead with the reason", async () => {
    const starts: number[] = [];
    const begin = clock.monotonic();
    const target = steer(
      "bot",
      new SteeredTarget(() => {
        starts.push(clock.monotonic() - begin);
        return failed;
      }),
    );
    configure({ bot: { retry: { maxAttempts: 5, baseSeconds: 2, capSeconds: 6 } } });
    const id = queue.add("bot", { body: Buffer.from("payload") });
    await clock.advance(60_000);
    expect(starts).toEqual([0, 1000, 3000, 6000, 9000]);
    expect(target.sent.map((s) => s.attempt)).toEqual([1, 2, 3, 4, 5]);
    expect(target.sent.every((s) => Buffer.from(s.body).equals(Buffer.from("payload")))).toBe(true);
    expect(queue.state(id)).toBe("dead");
    expect(queue.settlements.at(-1)?.settlement).toMatchObject({
      outcome: "dead",
      reason: "gave up after 5 attempts: answered 500",
    });
    expect(logged("delivery.dead")).toEqual([expect.objectContaining({ eventId: id, target: "bot" })]);
  });

  test("Retry-After moves the next attempt", async () => {
    const target = steer("bot", new SteeredTarget((s) => (s.attempt === 1 ? answered(429, "90") : done)));
    configure({ bot: {} });
    const id = queue.add("bot");
    await clock.advance(89_000);
    expect(target.sent).toHaveLength(1);
    await clock.advance(1000);
    expect(queue.state(id)).toBe("done");
  });

  test("an attempt is called off when its time is up, and counts", async () => {
    const target = steer("bot");
    configure({ bot: { timeoutSeconds: 7, concurrency: 1 } });
    const id = queue.add("bot");
    await clock.advance(6999);
    expect(target.underWay).toBe(1);
    await clock.advance(1);
    expect(target.underWay).toBe(0);
    expect(queue.settlements[0]).toMatchObject({
      eventId: id,
      settlement: {
        outcome: "retry",
        attempt: { error: "no answer within 7 s", durationMs: 7000, status: null },
      },
    });
  });

  test("a lost claim stops the attempt and settles nothing", async () => {
    const target = steer("bot");
    configure({ bot: {} });
    const id = queue.add("bot");
    await clock.advance(1);
    queue.lose(id);
    await clock.advance(1);
    expect(target.underWay).toBe(0);
    expect(queue.settlements).toEqual([]);
    expect(statusOf("bot").sending).toEqual({ first: 0, retry: 0 });
  });

  test("a bug in a target is logged and the delivery is retried", async () => {
    targets.set("bot", {
      send: () => Promise.reject(new TypeError("x is not a function")),
      close: () => Promise.resolve(),
    });
    configure({ bot: {} });
    const id = queue.add("bot");
    await clock.advance(1);
    expect(logged("delivery.broken")).toEqual([{ target: "bot", eventId: id, error: "x is not a function" }]);
    expect(queue.settlements[0]?.settlement.outcome).toBe("retry");
  });

  test("the events of a lane go one after another, and a dead letter lets the next one go", async () => {
    const target = steer("bot");
    configure({ bot: { ordering: "project" } });
    const ids = [0, 1, 2].map(() => queue.add("bot", { lane: "p1" }));
    queue.add("bot", { lane: "p2" });
    await clock.advance(1);
    expect(target.sent.map((s) => s.meta.id)).toEqual([ids[0], expect.any(String)]);
    target.release(failed);
    await clock.advance(1);
    expect(target.sent.filter((s) => s.meta.id === ids[1])).toEqual([]);
    target.answerWith((s) => answered(s.meta.id === ids[0] ? 410 : 200));
    await clock.advance(10_000);
    expect(ids.map((id) => queue.state(id))).toEqual(["dead", "done", "done"]);
  });
});

describe("a queue in trouble", () => {
  test("claims that fail are tried again, ever more slowly, and work goes on afterwards", async () => {
    const target = steer("bot", new SteeredTarget(() => done));
    for (let i = 0; i < 8; i++) queue.claimErrors.push(new Error("disk on fire"));
    configure({ bot: {} });
    const id = queue.add("bot");
    for (let i = 0; i < 20; i++) queue.add("bot");
    await clock.advance(12_000);
    expect(logged("queue.claim-failed").map((f) => f["pauseMs"])).toEqual([
      50, 100, 200, 400, 800, 1600, 3200, 6400,
    ]);
    expect(target.sent).toEqual([]);
    await clock.advance(1000);
    expect(queue.state(id)).toBe("done");
    expect(target.sent).toHaveLength(21);
  });

  test("a settlement that fails is told again, and the event is not sent again", async () => {
    const target = steer("bot", new SteeredTarget(() => done));
    for (let i = 0; i < 4; i++) queue.settleErrors.push(new Error("disk full"));
    configure({ bot: {} });
    const id = queue.add("bot");
    await clock.advance(5000);
    expect(queue.state(id)).toBe("done");
    expect(target.sent).toHaveLength(1);
    expect(logged("queue.settle-failed")).toHaveLength(4);
  });

  test("a lost wake-up costs a few seconds at most", async () => {
    steer("bot", new SteeredTarget(() => done));
    configure({ bot: {} });
    await clock.advance(100);
    queue.silent = true;
    const id = queue.add("bot");
    await clock.advance(7000);
    expect(queue.state(id)).toBe("done");
  });

  test("check() tells when the queue does not answer", async () => {
    steer("bot");
    const claim = queue.claim.bind(queue);
    let answer = (): void => {};
    queue.claim = () =>
      new Promise((resolve) => {
        answer = () => resolve([]);
      });
    configure({ bot: {} });
    await clock.advance(59_000);
    expect(delivery.check()).toEqual({ name: "delivery", ok: true, detail: "1 target" });
    await clock.advance(1000);
    expect(delivery.check()).toMatchObject({ ok: false });
    expect(delivery.check().detail).toContain('"bot"');
    queue.claim = claim;
    answer();
    await clock.advance(1);
    expect(delivery.check().ok).toBe(true);
  });
});

describe("breaker", () => {
  test("failures in a row open it; waiting uses up no attempt; one probe; success lets all go", async () => {
    const target = steer("bot", new SteeredTarget(() => failed));
    configure({
      bot: { concurrency: 1, breaker: { failures: 3, cooldownSeconds: 30 }, retry: { baseSeconds: 1 } },
    });
    for (let i = 0; i < 10; i++) queue.add("bot");
    await queue.until(() => queue.settlements.length === 3);
    await clock.advance(29_000);
    expect(target.sent).toHaveLength(3);
    expect(statusOf("bot")).toMatchObject({
      breaker: "open",
      opensInMs: 1000,
      failuresInARow: 3,
      lastFailure: { error: "answered 500" },
    });
    expect(logged("breaker.open")).toHaveLength(1);
    await clock.advance(1000);
    expect(target.sent).toHaveLength(4);
    expect(statusOf("bot").breaker).toBe("open");
    target.answerWith(null);
    await clock.advance(30_000);
    expect(target.underWay).toBe(1);
    expect(statusOf("bot").breaker).toBe("half-open");
    target.answerWith(() => done);
    target.release(done);
    await queue.until(() => queue.count("done") === 10);
    expect(statusOf("bot").breaker).toBe("closed");
    const attempts = queue.entries.reduce((sum, e) => sum + e.delivery.attempts, 0);
    expect(attempts).toBe(14);
    expect(logged("breaker.closed")).toHaveLength(1);
  });

  test("the probe is alone however many slots there are", async () => {
    const target = steer("bot", new SteeredTarget(() => failed));
    configure({ bot: { concurrency: 16, breaker: { failures: 4, cooldownSeconds: 10 } } });
    for (let i = 0; i < 50; i++) queue.add("bot");
    await clock.advance(1);
    const before = target.sent.length;
    target.answerWith(null);
    await clock.advance(10_000);
    expect(target.sent).toHaveLength(before + 1);
    target.release(done);
    await clock.advance(1);
    expect(target.underWay).toBe(16);
  });

  test("refusals do not open it: the target answers", async () => {
    steer("bot", new SteeredTarget(() => answered(422)));
    configure({ bot: { breaker: { failures: 2 } } });
    for (let i = 0; i < 20; i++) queue.add("bot");
    await clock.advance(10);
    expect(queue.count("dead")).toBe(20);
    expect(statusOf("bot").breaker).toBe("closed");
  });

  test("a probe whose claim is lost makes way for the next one", async () => {
    const target = steer("bot", new SteeredTarget(() => failed));
    configure({ bot: { concurrency: 1, breaker: { failures: 1, cooldownSeconds: 10 } } });
    queue.add("bot");
    queue.add("bot");
    await clock.advance(1);
    target.answerWith(null);
    await clock.advance(10_000);
    const probe = target.sent.at(-1)?.meta.id ?? "";
    target.answerWith(() => done);
    queue.lose(probe);
    await clock.advance(1);
    expect(statusOf("bot").breaker).toBe("closed");
    expect(queue.count("done")).toBe(1);
  });
});

describe("rateLimit", () => {
  test("no more attempts start in any period, and waiting uses up none", async () => {
    const starts: number[] = [];
    steer(
      "bot",
      new SteeredTarget(() => {
        starts.push(clock.monotonic());
        return done;
      }),
    );
    configure({ bot: { rateLimit: { requests: 5, perSeconds: 2 } } });
    for (let i = 0; i < 23; i++) queue.add("bot");
    await clock.advance(1000);
    expect(starts).toHaveLength(5);
    expect(statusOf("bot").rateWaitMs).toBeGreaterThan(0);
    await clock.advance(9000);
    expect(starts).toHaveLength(23);
    for (const at of starts) {
      expect(starts.filter((s) => s >= at && s < at + 2000).length).toBeLessThanOrEqual(5);
    }
    expect(queue.entries.every((e) => e.delivery.attempts === 1)).toBe(true);
  });
});

describe("configure()", () => {
  test("unchanged settings leave a target alone", async () => {
    const target = steer("bot");
    configure({ bot: { concurrency: 2 } });
    queue.add("bot");
    await clock.advance(1);
    configure({ bot: { concurrency: 2 } });
    await clock.advance(1);
    expect(target.closed).toBe(false);
    target.release(done);
    await clock.advance(1);
    expect(queue.count("done")).toBe(1);
  });

  test("changed settings hold for what is claimed next, and nothing under way is lost", async () => {
    const before = steer("bot");
    configure({ bot: { concurrency: 2 } });
    for (let i = 0; i < 6; i++) queue.add("bot");
    await clock.advance(1);
    const after = steer("bot");
    configure({ bot: { concurrency: 3 } });
    await clock.advance(1);
    expect([before.underWay, after.underWay]).toEqual([2, 1]);
    expect(before.closed).toBe(false);
    before.release(done);
    await clock.advance(1);
    expect([before.underWay, after.underWay]).toEqual([0, 3]);
    expect(before.closed).toBe(true);
    after.answerWith(() => done);
    after.release(done);
    await clock.advance(1);
    expect(queue.count("done")).toBe(6);
  });

  test("a change closes an idle target at once and gives a rested one a new chance", async () => {
    const before = steer("bot", new SteeredTarget(() => failed));
    configure({ bot: { breaker: { failures: 1, cooldownSeconds: 3600 } } });
    const id = queue.add("bot");
    await clock.advance(2000);
    expect(statusOf("bot").breaker).toBe("open");
    steer("bot", new SteeredTarget(() => done));
    configure({ bot: { breaker: { failures: 2, cooldownSeconds: 3600 } } });
    await clock.advance(1);
    expect(before.closed).toBe(true);
    expect(queue.state(id)).toBe("done");
  });

  test("a removed target ends what is under way and claims nothing more", async () => {
    const target = steer("bot");
    configure({ bot: { concurrency: 2 } });
    for (let i = 0; i < 5; i++) queue.add("bot");
    await clock.advance(1);
    configure({});
    expect(delivery.status().size).toBe(0);
    target.release(done);
    await clock.advance(10_000);
    expect(queue.count("done")).toBe(2);
    expect(queue.count("waiting")).toBe(3);
    expect(target.closed).toBe(true);
    steer("bot", new SteeredTarget(() => done));
    configure({ bot: {} });
    await clock.advance(1);
    expect(queue.count("done")).toBe(5);
  });
});

describe("stop()", () => {
  test("claims nothing more and waits for what is under way", async () => {
    const target = steer("bot");
    configure({ bot: { concurrency: 2, timeoutSeconds: 60 } });
    for (let i = 0; i < 4; i++) queue.add("bot");
    await clock.advance(1);
    let stopped = false;
    const stop = delivery.stop(30_000).then(() => (stopped = true));
    await clock.advance(10_000);
    expect(stopped).toBe(false);
    target.release(done);
    await stop;
    expect(queue.count("done")).toBe(2);
    expect(queue.count("waiting")).toBe(2);
    expect(target.closed).toBe(true);
  });

  test("at the deadline the rest goes back as it was, no attempt counted", async () => {
    const target = steer("bot");
    configure({ bot: { timeoutSeconds: 3600 } });
    const id = queue.add("bot");
    await clock.advance(1);
    const stop = delivery.stop(5000);
    await clock.advance(5000);
    await stop;
    expect(target.underWay).toBe(0);
    expect(queue.settlements).toEqual([
      { eventId: id, settlement: { outcome: "released", dueAt: expect.any(Number) } },
    ]);
    expect(queue.entries[0]?.delivery).toMatchObject({ state: "waiting", attempts: 0, firstAttemptAt: null });
  });

  test("what a claim brings in meanwhile is given back unsent", async () => {
    const target = steer("bot");
    configure({ bot: {} });
    await clock.advance(1);
    const claim = queue.claim.bind(queue);
    let go = (): void => {};
    const asked = new Promise<void>((resolve) => {
      queue.claim = async (name, room) => {
        const claims = await claim(name, room);
        resolve();
        await new Promise<void>((r) => {
          go = r;
        });
        return claims;
      };
    });
    const id = queue.add("bot");
    await asked;
    const stop = delivery.stop(60_000);
    go();
    await stop;
    expect(target.sent).toEqual([]);
    expect(queue.state(id)).toBe("waiting");
    expect(queue.entries[0]?.delivery.attempts).toBe(0);
  });

  test("a queue that cannot settle does not keep it from ending", async () => {
    steer("bot", new SteeredTarget(() => done));
    for (let i = 0; i < 1000; i++) queue.settleErrors.push(new Error("disk full"));
    configure({ bot: {} });
    queue.add("bot");
    await clock.advance(1);
    const stop = delivery.stop(2000);
    await clock.advance(2000);
    await stop;
    expect(queue.count("sending")).toBe(1);
  });

  test("later settings start nothing", async () => {
    await delivery.stop(0);
    steer("bot");
    configure({ bot: {} });
    expect(delivery.status().size).toBe(0);
  });
});
