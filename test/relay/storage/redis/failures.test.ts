import { mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../../lib/clock.ts";
import type { NewEvent } from "../../../../relay/event/event.ts";
import type { Claim, Queue, QueueEvent } from "../../../../relay/queue/queue.ts";
import { eventually } from "../../../helpers/eventually.ts";
import { attempt, newEvent, toTarget } from "../../../helpers/queue-contract.ts";
import { startRig, type Opened, type RedisRig } from "../../../helpers/redis-queue.ts";
import { hasRedis } from "../../../helpers/redis-server.ts";
import { freePort } from "../../../helpers/free-port.ts";

/** What a webhook may take, whatever Redis does. */
const DEADLINE_MS = 5000;
const ROOM = { first: 10, retry: 10 };

describe.runIf(hasRedis)("openRedisQueue() where Redis fails", () => {
  let rig: RedisRig;
  let opened: Opened;
  let queue: Queue;
  let seen: QueueEvent[];
  let keys = 0;

  const open = async (): Promise<void> => {
    opened = await rig.open({ clock: systemClock });
    ({ queue } = opened);
    seen = [];
    queue.onEvent((event) => seen.push(event));
    queue.setRouting(toTarget("a"), ["a"]);
  };
  const eventNow = (key: string): NewEvent => newEvent(key, { receivedAt: Date.now() });
  const nextKey = (): string => `key-${(keys += 1)}`;
  /** Rejects in time, as an UpstreamError of this code. */
  const refuses = async (code: string, message: RegExp): Promise<void> => {
    const started = performance.now();
    await expect(queue.enqueue(eventNow(nextKey()))).rejects.toMatchObject({
      name: "UpstreamError",
      code,
      message: expect.stringMatching(message) as string,
      retryable: true,
    });
    expect(performance.now() - started).toBeLessThan(DEADLINE_MS);
  };
  const works = (): Promise<void> =>
    eventually(async () => {
      try {
        return (await queue.enqueue(eventNow(nextKey()))).status === "accepted";
      } catch {
        return false;
      }
    });
  const claim = async (): Promise<Claim> => {
    const claims: Claim[] = [];
    await eventually(async () => {
      claims.push(...(await queue.claim("a", { first: 1, retry: 1 }).catch(() => [])));
      return claims.length > 0;
    });
    return claims[0]!;
  };
  const done = (claimed: Claim): Promise<void> =>
    claimed.settle({ outcome: "done", at: Date.now(), attempt: attempt(Date.now()) });
  const troubles = async (): Promise<string[]> => {
    await queue.selfCheck();
    return queue.checks().flatMap(({ name, ok }) => (ok ? [] : [name]));
  };

  beforeAll(async () => {
    rig = await startRig();
  });
  beforeEach(open);
  afterEach(() => rig.clear());
  afterAll(() => rig.close());

  test("stopped: refuses at once, says so, does not hammer, and comes back by itself with everything", async () => {
    const { id } = await queue.enqueue(eventNow("before"));
    await rig.server.kill();
    await refuses("storage", /out of reach/);
    expect(await troubles()).toEqual(["redis"]);
    await expect(queue.stats()).rejects.toMatchObject({ code: "storage" });
    await expect(queue.claim("a", ROOM)).rejects.toMatchObject({ code: "storage" });
    const before = opened.proxy.attempts;
    await refuses("storage", /out of reach/);
    await new Promise((resolve) => {
      setTimeout(resolve, 1500);
    });
    // Two connections, each after 50, 100, 200, 400, 800 ms and so on.
    expect(opened.proxy.attempts - before).toBeLessThan(16);
    await rig.server.restart();
    await works();
    expect((await claim()).meta.id).toBe(id);
    expect(await troubles()).toEqual([]);
  });

  test("not there at the start: opens nevertheless, says so, and works once it is there", async () => {
    await rig.server.kill();
    await rig.cutOff();
    const started = performance.now();
    await open();
    expect(performance.now() - started).toBeLessThan(DEADLINE_MS);
    expect(await troubles()).toEqual(["redis"]);
    await refuses("storage", /out of reach/);
    await rig.server.restart();
    await works();
    await done(await claim());
  });

  test("frozen: answers within five seconds, then at once; what was on its way is stored once or not at all", async () => {
    await works();
    rig.server.process.kill("SIGSTOP");
    const event = eventNow("frozen");
    const started = performance.now();
    const early = queue.enqueue(event);
    const late = new Promise((resolve) => {
      setTimeout(resolve, 1000);
    }).then(() => queue.enqueue(eventNow(nextKey())));
    const outcomes = await Promise.allSettled([early, late]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(performance.now() - started).toBeLessThan(DEADLINE_MS);
    const again = performance.now();
    await refuses("storage", /out of reach/);
    expect(performance.now() - again).toBeLessThan(500);
    rig.server.process.kill("SIGCONT");
    await works();
    const { status } = await queue.enqueue(event);
    expect(["accepted", "duplicate"]).toContain(status);
    expect(await queue.enqueue(event)).toMatchObject({ status: "duplicate" });
    const { events } = await queue.list({}, 50, null);
    expect(events.filter(({ meta }) => meta.deliveryId === "frozen")).toHaveLength(1);
  });

  test("scripts flushed and consumer groups destroyed: claims go on, nothing is lost, who held a claim has lost it", async () => {
    for (const key of ["one", "two", "three"]) await queue.enqueue(eventNow(key));
    const held = await claim();
    await rig.inspect.script("FLUSH");
    await rig.inspect.xgroup("DESTROY", "{relay}:first:a", "relay");
    await rig.inspect.xgroup("DESTROY", "{relay}:retry:a", "relay");
    await done(held);
    expect((await queue.get(held.meta.id))?.state).not.toBe("done");
    expect((await queue.stats()).byState).toMatchObject({ waiting: 3, done: 0 });
    for (let index = 0; index < 3; index++) await done(await claim());
    expect((await queue.stats()).byState).toEqual({ waiting: 0, sending: 0, done: 3, dead: 0 });
  });

  test("out of memory: refuses as full and delivers on, until there is room again", async () => {
    const { id } = await queue.enqueue(eventNow("before"));
    await rig.inspect.config("SET", "maxmemory", 1);
    try {
      await refuses("queue-full", /out of memory/);
      expect(await troubles()).toEqual(["redis-write"]);
      const claimed = await claim();
      expect(claimed.meta.id).toBe(id);
      await done(claimed);
      expect((await queue.get(id))?.state).toBe("done");
    } finally {
      await rig.inspect.config("SET", "maxmemory", 0);
    }
    await works();
    expect(await troubles()).toEqual([]);
  });

  test("cannot write its snapshot (MISCONF): refuses with that reason until it can", async () => {
    await queue.enqueue(eventNow("before"));
    const [, folder = ""] = (await rig.inspect.config("GET", "dir")) as string[];
    const obstacle = join(folder, "dump.rdb");
    mkdirSync(join(obstacle, "in the way"), { recursive: true });
    try {
      await rig.inspect.config("SET", "save", "3600 1");
      await rig.inspect.bgsave();
      await eventually(async () =>
        (await rig.inspect.info("persistence")).includes("rdb_last_bgsave_status:err"),
      );
      await refuses("storage", /MISCONF/);
      expect(await troubles()).toEqual(["redis-write"]);
    } finally {
      rmdirSync(join(obstacle, "in the way"));
      rmdirSync(obstacle);
      await rig.inspect.config("SET", "save", "");
    }
    await works();
  });

  test("a replica after a fail-over: refuses as read-only without hammering, until it is the master again", async () => {
    await works();
    await rig.inspect.replicaof("127.0.0.1", await freePort());
    try {
      const before = opened.proxy.attempts;
      for (let index = 0; index < 5; index++) await refuses("storage", /READONLY|out of reach/);
      await eventually(async () => (await troubles()).includes("redis-role"));
      expect(await troubles()).toContain("redis-write");
      expect(opened.proxy.attempts - before).toBeLessThan(20);
    } finally {
      await rig.inspect.replicaof("NO", "ONE");
    }
    await works();
    await eventually(async () => (await troubles()).length === 0);
  });

  test("cut off in the middle of an enqueue: the repetition is a duplicate, and the event is there once", async () => {
    await works();
    const before = await rig.inspect.zcard("{relay}:events");
    opened.proxy.swallowAnswers();
    const enqueued = queue.enqueue(eventNow("cut"));
    const rejected = expect(enqueued).rejects.toMatchObject({ code: "storage" });
    await eventually(async () => (await rig.inspect.zcard("{relay}:events")) > before);
    opened.proxy.cut();
    await rejected;
    await works();
    const repeated = await queue.enqueue(eventNow("cut"));
    expect(repeated.status).toBe("duplicate");
    const { events } = await queue.list({}, 50, null);
    expect(events.filter(({ meta }) => meta.deliveryId === "cut")).toMatchObject([
      { meta: { id: repeated.id } },
    ]);
  });

  test("cut off in the middle of a settlement: the repetition finds it settled and tells it once", async () => {
    const { id } = await queue.enqueue(eventNow("one"));
    const claimed = await claim();
    opened.proxy.swallowAnswers();
    const settlement = { outcome: "done", at: Date.now(), attempt: attempt(Date.now()) } as const;
    const settling = expect(claimed.settle(settlement)).rejects.toMatchObject({ code: "storage" });
    await eventually(async () => (await rig.inspect.hget("{relay}:sums", "done")) === "1");
    opened.proxy.cut();
    await settling;
    await eventually(() =>
      claimed.settle(settlement).then(
        () => true,
        () => false,
      ),
    );
    expect((await queue.get(id))?.deliveries).toMatchObject([{ state: "done", attempts: 1 }]);
    expect(seen.filter(({ type }) => type === "settled")).toHaveLength(1);
    expect((await queue.stats()).byState).toEqual({ waiting: 0, sending: 0, done: 1, dead: 0 });
  });

  test("cut off while it hands out claims: they come back when their lease has run out", async () => {
    const { id } = await queue.enqueue(eventNow("one"));
    // From then on Redis knows the script.
    expect(await queue.claim("b", ROOM)).toEqual([]);
    opened.proxy.swallowAnswers();
    const claiming = expect(queue.claim("a", ROOM)).rejects.toMatchObject({ code: "storage" });
    await eventually(async () => (await rig.inspect.hget(`{relay}:state:${id}`, "a:0")) === "s");
    opened.proxy.cut();
    await claiming;
    await works();
    await rig.ageClaims(60_000);
    queue.setRouting(toTarget("a"), ["a"]);
    await eventually(async () => {
      const claims = await queue.claim("a", ROOM);
      return claims.some(({ meta }) => meta.id === id);
    });
  });

  test("close() comes to an end while Redis is frozen or away", async () => {
    await works();
    await claim();
    rig.server.process.kill("SIGSTOP");
    const started = performance.now();
    await queue.close();
    expect(performance.now() - started).toBeLessThan(8000);
    rig.server.process.kill("SIGCONT");
    await rig.cutOff();
    await open();
    await rig.server.kill();
    await queue.close();
    await rig.server.restart();
  });
});
