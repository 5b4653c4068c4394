import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../../../lib/clock.ts";
import { silentLog } from "../../../../lib/log.ts";
import { configSchema } from "../../../../relay/config/schema.ts";
import { createDeliveryWorkers } from "../../../../relay/delivery/workers.ts";
import { createTargetsOrFailing } from "../../../../relay/targets/registry.ts";
import type { Claim, Queue, Router } from "../../../../relay/queue/queue.ts";
import { openRedis } from "../../../../relay/storage/redis/connection.ts";
import { Leases, leaseTimes } from "../../../../relay/storage/redis/leases.ts";
import { eventually } from "../../../helpers/eventually.ts";
import { FakeClock } from "../../../helpers/clock.ts";
import { attempt, newEvent, toTarget } from "../../../helpers/queue-contract.ts";
import { startRig, type OpenOptions, type RedisRig } from "../../../helpers/redis-queue.ts";
import { hasRedis } from "../../../helpers/redis-server.ts";

const LEASE_SECONDS = 1;
const ROOM = { first: 10, retry: 10 };
const byProject: Router = (meta) => [{ target: "a", lane: `p${meta.projectId}` }];

describe("leaseTimes()", () => {
  test("replace a relay that died within its lease, and never one that still trusts its claims", () => {
    const { renewEveryMs, trustedMs, takenAfterMs, sweepEveryMs } = leaseTimes(30_000);
    expect(takenAfterMs + 1.25 * sweepEveryMs).toBeLessThan(30_000);
    expect(trustedMs).toBeLessThan(takenAfterMs);
    expect(3 * 1.25 * renewEveryMs).toBeLessThan(takenAfterMs);
  });
});

describe("Leases", () => {
  const held = { target: "a", kind: "first", entry: "1-0", lane: "", eventId: "e", replay: 0 };

  test("are trusted for their time after the last renewal was asked for, then given up for good", async () => {
    const clock = new FakeClock();
    const leases = new Leases(clock, 600);
    const lease = leases.add(held, clock.monotonic());
    await clock.advance(600);
    expect(leases.isTrusted(lease)).toBe(true);
    lease.renewedAt = clock.monotonic();
    await clock.advance(600);
    expect(leases.trusted()).toEqual([lease]);
    await clock.advance(1);
    expect(leases.trusted()).toEqual([]);
    expect(lease.controller.signal.aborted).toBe(true);
    lease.renewedAt = clock.monotonic();
    expect(leases.isTrusted(lease)).toBe(false);
  });
});

describe.runIf(hasRedis)("claims of several relays", () => {
  let rig: RedisRig;

  beforeAll(async () => {
    rig = await startRig();
  });
  afterEach(() => rig.clear());
  afterAll(() => rig.close());

  const open = async (options: OpenOptions = {}, router: Router = byProject): Promise<Queue> => {
    const { queue } = await rig.open({
      clock: systemClock,
      redis: { leaseSeconds: LEASE_SECONDS },
      ...options,
    });
    queue.setRouting(router, ["a"]);
    return queue;
  };
  const store = (queue: Queue, key: string, projectId = 1): Promise<{ id: string }> =>
    queue.enqueue(newEvent(key, { receivedAt: Date.now(), projectId }));
  const claim = async (queue: Queue): Promise<Claim> => {
    const claims: Claim[] = [];
    await eventually(async () => {
      claims.push(...(await queue.claim("a", { first: 1, retry: 1 })));
      return claims.length > 0;
    });
    return claims[0]!;
  };
  const done = (claimed: Claim): Promise<void> =>
    claimed.settle({ outcome: "done", at: Date.now(), attempt: attempt(Date.now()) });

  test("a lane is worked by one relay at a time, in the order of storing, whoever works it", async () => {
    const queues = [await open(), await open(), await open()];
    const stored: string[] = [];
    for (let index = 0; index < 12; index++) stored.push((await store(queues[index % 3]!, `k${index}`)).id);
    const sent: string[] = [];
    let atOnce = 0;
    await Promise.all(
      queues.map(async (queue) => {
        while (sent.length < stored.length) {
          for (const claimed of await queue.claim("a", ROOM)) {
            expect((atOnce += 1)).toBe(1);
            sent.push(claimed.meta.id);
            await new Promise((resolve) => {
              setImmediate(resolve);
            });
            atOnce -= 1;
            await done(claimed);
          }
        }
      }),
    );
    expect(sent).toEqual(stored);
  });

  test("heartbeats keep a claim for longer than its lease", async () => {
    const [one, other] = [await open(), await open()];
    await store(one, "one");
    const claimed = await claim(one);
    await new Promise((resolve) => {
      setTimeout(resolve, LEASE_SECONDS * 1500);
    });
    expect(await other.claim("a", ROOM)).toEqual([]);
    expect(claimed.lost.aborted).toBe(false);
    await done(claimed);
    expect((await other.get(claimed.meta.id))?.state).toBe("done");
  });

  test("a relay that was paused beyond its lease can settle nothing, whatever it believes", async () => {
    // Its clock stands still, as that of a paused process does for it: it renews nothing and notices nothing.
    const paused = await open({ clock: new FakeClock(Date.now()) });
    await store(paused, "one");
    await store(paused, "two");
    const stale = await claim(paused);
    const began = performance.now();
    const other = await open();
    const taken = await claim(other);
    expect(performance.now() - began).toBeLessThan(LEASE_SECONDS * 1000 + 500);
    expect(taken.meta.id).toBe(stale.meta.id);
    expect(stale.lost.aborted).toBe(false);
    const at = Date.now();
    await stale.settle({ outcome: "dead", at, attempt: attempt(at, { status: 410 }), reason: "gone" });
    expect((await other.get(taken.meta.id))?.state).toBe("sending");
    expect(await paused.claim("a", ROOM)).toEqual([]);
    await done(taken);
    expect((await other.get(taken.meta.id))?.deliveries).toMatchObject([{ state: "done", attempts: 1 }]);
    expect((await claim(paused)).meta.deliveryId).toBe("two");
  });

  test("a relay that wakes up after such a pause finds its claims lost before it sends anything", async () => {
    const clock = new FakeClock(Date.now());
    const paused = await open({ clock });
    await store(paused, "one");
    const stale = await claim(paused);
    clock.setNow(clock.now() + 1);
    const { trustedMs } = leaseTimes(LEASE_SECONDS * 1000);
    await clock.advance(trustedMs + 1);
    expect(stale.lost.aborted).toBe(true);
    await done(stale);
    expect((await paused.get(stale.meta.id))?.state).not.toBe("done");
  });

  test("what a dead relay held goes to another one within its lease, and the dead one is forgotten", async () => {
    const { queue: dead, proxy } = await rig.open({
      clock: new FakeClock(Date.now()),
      redis: { leaseSeconds: LEASE_SECONDS },
    });
    dead.setRouting(byProject, ["a"]);
    for (let project = 1; project <= 5; project++) await store(dead, `p${project}`, project);
    expect(await dead.claim("a", ROOM)).toHaveLength(5);
    const other = await open();
    await proxy.close();
    const began = performance.now();
    const claims: Claim[] = [];
    await eventually(async () => {
      claims.push(...(await other.claim("a", ROOM)));
      return claims.length === 5;
    });
    expect(performance.now() - began).toBeLessThan(LEASE_SECONDS * 1000 + 300);
    for (const claimed of claims) await done(claimed);
    const consumers = async (): Promise<number> => {
      const all = await Promise.all(
        ["first", "retry"].map((kind) => rig.inspect.xinfo("CONSUMERS", `{relay}:${kind}:a`, "relay")),
      );
      return new Set((all as string[][][]).flat().map((row) => row[1])).size;
    };
    expect(await consumers()).toBe(2);
    const { queue } = configSchema.parse({ queue: { redis: { url: rig.server.url } } });
    const connection = await openRedis(queue.redis, silentLog, Math.random);
    await eventually(async () => {
      await connection.run("sweep", [60_000, 500, "a"]);
      return (await consumers()) < 2;
    });
    await connection.close();
  });

  test("close() hands over at once what is still held, and leaves no consumer behind", async () => {
    const [one, other] = [await open(), await open()];
    const announced: string[] = [];
    other.onWork((target) => announced.push(target));
    for (let project = 1; project <= 3; project++) await store(one, `p${project}`, project);
    expect(await one.claim("a", ROOM)).toHaveLength(3);
    await one.close();
    expect((await other.stats()).byState).toMatchObject({ waiting: 3, sending: 0 });
    expect(await other.claim("a", ROOM)).toHaveLength(3);
    await eventually(() => announced.includes("a"));
    const rows = (await rig.inspect.xinfo("CONSUMERS", "{relay}:retry:a", "relay")) as string[][];
    expect(rows).toHaveLength(1);
  });

  test("removing an event ends its sending at another relay, and its lane goes on", async () => {
    const [one, other] = [await open(), await open()];
    const { id } = await store(one, "one");
    await store(one, "two");
    const claimed = await claim(one);
    expect(await other.remove(id)).toBe(true);
    await eventually(() => claimed.lost.aborted);
    expect((await claim(other)).meta.deliveryId).toBe("two");
  });

  test("a head that waits for its retry and is removed lets the lane go on at once", async () => {
    const queue = await open();
    const { id } = await store(queue, "one");
    await store(queue, "two");
    const at = Date.now();
    await (await claim(queue)).settle({ outcome: "retry", at, attempt: attempt(at), dueAt: at + 3_600_000 });
    expect(await queue.claim("a", ROOM)).toEqual([]);
    await queue.remove(id);
    expect((await claim(queue)).meta.deliveryId).toBe("two");
    expect((await queue.stats()).targets.get("a")).toMatchObject({ lanes: 1, waiting: 0, sending: 1 });
  });

  test("no answer holds more than some megabytes of bodies, and what was left comes with the next ones", async () => {
    const queue = await open({}, toTarget("a"));
    const body = "x".repeat(3_000_000);
    for (let index = 0; index < 9; index++)
      await queue.enqueue(newEvent(`k${index}`, { receivedAt: Date.now() }, body));
    const sizes: number[] = [];
    await eventually(async () => {
      const claims = await queue.claim("a", { first: 100, retry: 0 });
      sizes.push(claims.length);
      return sizes.reduce((sum, size) => sum + size, 0) === 9;
    });
    expect(Math.max(...sizes)).toBe(4);
  });
});

describe.runIf(hasRedis)("workers on a Redis queue", () => {
  let rig: RedisRig;
  let server: Server;
  let received = 0;

  beforeAll(async () => {
    rig = await startRig();
    server = createServer((request, response) => {
      received += 1;
      request.resume();
      response.writeHead(204).end();
    });
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
  });
  afterAll(async () => {
    await rig.close();
    server.closeAllConnections();
    server.close();
  });

  test("come back by themselves, and ask little of Redis while there is nothing to do or it is away", async () => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const { targets } = configSchema.parse({
      targets: { a: { type: "http", url }, b: { type: "http", url } },
    });
    const errors: string[] = [];
    const log = { ...silentLog, error: (name: string) => errors.push(name), child: () => log };
    const { queue, proxy } = await rig.open({ clock: systemClock, log });
    const delivery = createDeliveryWorkers({
      queue,
      clock: systemClock,
      random: () => 0.5,
      log,
      createTarget: createTargetsOrFailing({ clock: systemClock, log }),
    });
    const store = (key: string): Promise<unknown> => queue.enqueue(newEvent(key, { receivedAt: Date.now() }));
    const scripts = async (): Promise<number> =>
      [...(await rig.inspect.info("commandstats")).matchAll(/cmdstat_(?:evalsha|eval):calls=(\d+)/g)].reduce(
        (sum, [, calls]) => sum + Number(calls),
        0,
      );
    try {
      queue.setRouting(toTarget("a", "b"), ["a", "b"]);
      delivery.prepare(targets).commit();
      await store("one");
      await eventually(() => received === 2);
      const before = await scripts();
      const since = performance.now();
      await new Promise((resolve) => {
        setTimeout(resolve, 2000);
      });
      // Two targets, asked about once a second each, the sweeps, and what is left of the deliveries. A busy machine's timers are late.
      const calls = (await scripts()) - before;
      expect(calls).toBeLessThan(6 + (5 * (performance.now() - since)) / 1000);

      await rig.server.kill();
      errors.length = 0;
      const attempts = proxy.attempts;
      await new Promise((resolve) => {
        setTimeout(resolve, 1500);
      });
      expect(errors.length).toBeLessThan(12);
      expect(proxy.attempts - attempts).toBeLessThan(16);
      await rig.server.restart();
      await eventually(() =>
        store("two").then(
          () => true,
          () => false,
        ),
      );
      await eventually(() => received === 4);
    } finally {
      await delivery.stop(1000);
    }
  });
});
