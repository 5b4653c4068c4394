/** The storage fails now and then: nothing is lost, nothing is stuck, and it is said. */
import { describe, expect, test } from "vitest";
import type { Log } from "../../../../lib/log.ts";
import { silentLog } from "../../../../lib/log.ts";
import type { Claim, Queue } from "../../../../relay/queue/queue.ts";
import { createFilesRig } from "../../../helpers/local-queue.ts";
import type { FilesRig } from "../../../helpers/local-queue.ts";
import { attempt, newEvent, SETTINGS, toTarget, until } from "../../../helpers/queue-contract.ts";

const ROOM = { first: 100, retry: 100 };

function createRig(): { rig: FilesRig; logged: string[] } {
  const logged: string[] = [];
  const log: Log = {
    ...silentLog,
    warn: (event) => logged.push(event),
    error: (event) => logged.push(event),
  };
  return { rig: createFilesRig({ log }), logged };
}

async function store(queue: Queue, key: string): Promise<string> {
  const { id } = await queue.enqueue(newEvent(key));
  await until(async () => (await queue.get(id))?.state !== "unrouted");
  return id;
}

function done(rig: FilesRig, claimed: Claim): Promise<void> {
  return claimed.settle({ outcome: "done", at: rig.clock.now(), attempt: attempt(rig.clock.now()) });
}

describe("openFilesQueue() where the storage fails", () => {
  test("a delivery whose event cannot be read just now is tried again in five seconds", async () => {
    const { rig, logged } = createRig();
    const queue = await rig.open(toTarget("a"));
    await store(queue, "one");
    rig.disk.failingReads = "storage";
    expect(await queue.claim("a", ROOM)).toEqual([]);
    expect(logged).toEqual(["delivery.read-failed"]);
    rig.disk.failingReads = null;
    expect((await queue.stats()).byState).toMatchObject({ waiting: 1, sending: 0 });
    await rig.clock.advance(5001);
    const [claimed] = await queue.claim("a", ROOM);
    expect(claimed?.delivery.attempts).toBe(0);
    await queue.close();
  });

  test("a delivery whose event stays unreadable becomes a dead letter, and its lane goes on", async () => {
    const { rig } = createRig();
    let queue = await rig.open(() => [{ target: "a", lane: "p1" }]);
    const first = await store(queue, "one");
    const second = await store(queue, "two");
    rig.disk.damaged.add(`event:${first}`);
    for (let reading = 0; reading < 12; reading++) {
      expect(await queue.claim("a", ROOM)).toEqual([]);
      await rig.clock.advance(5001);
    }
    expect((await queue.claim("a", ROOM))[0]?.meta.id).toBe(second);
    expect((await queue.stats()).byState).toMatchObject({ dead: 1, sending: 1 });
    const { events } = await queue.list({}, 10, null);
    expect(events.map(({ meta }) => meta.id)).toEqual([second]);
    rig.disk.damaged.clear();
    await queue.close();
    queue = await rig.open(toTarget("a"));
    expect((await queue.get(first))?.deliveries[0]).toMatchObject({
      state: "dead",
      reason: "The stored event cannot be read",
    });
    await queue.close();
  });

  test("list() fails where nothing can be read", async () => {
    const { rig } = createRig();
    const queue = await rig.open(toTarget("a"));
    await store(queue, "one");
    rig.disk.failingReads = "storage";
    await expect(queue.list({}, 10, null)).rejects.toMatchObject({ code: "storage" });
    rig.disk.failingReads = null;
    await queue.close();
  });

  test("a settlement that cannot be written counts in this process, and is sent again after a restart", async () => {
    const { rig, logged } = createRig();
    let queue = await rig.open(toTarget("a"));
    const id = await store(queue, "one");
    await rig.clock.advance(2000);
    const [claimed] = await queue.claim("a", ROOM);
    rig.disk.failing = "disk-full";
    await done(rig, claimed!);
    expect(logged).toEqual(["delivery.write-failed"]);
    expect((await queue.get(id))?.deliveries[0]).toMatchObject({ state: "done", attempts: 1 });
    expect(await queue.claim("a", ROOM)).toEqual([]);
    rig.disk.failing = null;
    await queue.close();
    queue = await rig.open(toTarget("a"));
    expect(await queue.claim("a", ROOM)).toHaveLength(1);
    await queue.close();
  });

  test("routes that cannot be written hold nothing up", async () => {
    const { rig, logged } = createRig();
    let queue = await rig.open(toTarget("a"));
    await store(queue, "one");
    rig.disk.failing = "disk-full";
    await rig.clock.advance(2000);
    expect(logged).toEqual(["routing.write-failed"]);
    expect(await queue.claim("a", ROOM)).toHaveLength(1);
    rig.disk.failing = null;
    await queue.close();
    queue = await rig.open(toTarget("b"));
    await until(async () => (await queue.stats()).targets.get("b")?.waiting === 1);
    await queue.close();
  });

  test("checks() name the trouble", async () => {
    const { rig } = createRig();
    const queue = await rig.open(toTarget("a"));
    const storedEvents = { name: "stored-events", ok: true, detail: "0 of 1 segments verified within a day" };
    rig.disk.failing = "disk-full";
    expect(queue.checks()).toEqual([{ name: "storage", ok: false, detail: "disk-full" }, storedEvents]);
    rig.disk.failing = null;
    expect(queue.checks()).toEqual([{ name: "storage", ok: true, detail: "writable" }, storedEvents]);
    await queue.close();
  });

  test("what cannot be removed stays whole and visible", async () => {
    const { rig } = createRig();
    const queue = await rig.open(() => []);
    const id = await store(queue, "one");
    rig.disk.failing = "storage";
    await expect(queue.remove(id)).rejects.toMatchObject({ code: "storage" });
    expect((await queue.get(id))?.state).toBe("unmatched");
    await rig.clock.advance(SETTINGS.retain.deliveredSeconds * 1000 + 1);
    await expect(queue.expire()).rejects.toMatchObject({ code: "storage" });
    expect((await queue.list({}, 10, null)).events).toHaveLength(1);
    rig.disk.failing = null;
    expect(await queue.expire()).toBe(1);
    await queue.close();
  });

  test("a replay or a pause that cannot be written is refused, and the next one works", async () => {
    const { rig } = createRig();
    const queue = await rig.open(toTarget("a"));
    const id = await store(queue, "one");
    await done(rig, (await queue.claim("a", ROOM))[0]!);
    rig.disk.failing = "storage";
    await expect(queue.replay(id, null)).rejects.toMatchObject({ code: "storage" });
    await expect(queue.setPaused("a", true)).rejects.toMatchObject({ code: "storage" });
    expect((await queue.stats()).targets.get("a")).toMatchObject({ paused: false, waiting: 0 });
    rig.disk.failing = null;
    expect(await queue.replay(id, null)).toEqual(["a"]);
    await queue.close();
  });

  test("records that cannot be tidied are left for the next time", async () => {
    const { rig, logged } = createRig();
    const queue = await rig.open(toTarget("a"));
    for (let index = 0; index < 20; index++) {
      await store(queue, `k${index}`);
      await rig.clock.advance(1500);
    }
    rig.disk.failing = "storage";
    expect(await queue.expire()).toBe(0);
    expect(logged).toEqual(["retention.compaction-failed"]);
    rig.disk.failing = null;
    await queue.expire();
    expect(rig.disk.keys("routes:")).toHaveLength(1);
    expect((await queue.stats()).events).toBe(20);
    await queue.close();
  });

  test("routing tries again by itself after a minute", async () => {
    const { rig, logged } = createRig();
    let isBroken = true;
    const queue = await rig.open(() => {
      if (isBroken) throw new Error("not now");
      return [{ target: "a", lane: null }];
    });
    const { id } = await queue.enqueue(newEvent("one"));
    await rig.clock.advance(10);
    expect(logged).toEqual(["routing.failed"]);
    expect((await queue.stats()).oldestWaitingAt).not.toBeNull();
    isBroken = false;
    await rig.clock.advance(60_000);
    expect((await queue.get(id))?.state).toBe("waiting");
    await queue.close();
  });

  test("routing of what was found at a start waits until it can be read", async () => {
    const { rig, logged } = createRig();
    let queue = await rig.open(toTarget("a"));
    await queue.enqueue(newEvent("one"));
    rig.disk.crash();
    rig.disk.failingReads = "storage";
    queue = await rig.open(toTarget("a"));
    await rig.clock.advance(10);
    expect(logged).toEqual(["routing.failed"]);
    rig.disk.failingReads = null;
    await rig.clock.advance(60_000);
    await until(async () => (await queue.stats()).byState.waiting === 1);
    await queue.close();
  });

  test("an event that is removed while the router looks at it goes nowhere", async () => {
    const { rig } = createRig();
    let go: () => void = () => {};
    const queue = await rig.open(async () => {
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      return [{ target: "a", lane: null }];
    });
    const { id } = await queue.enqueue(newEvent("one"));
    await rig.clock.advance(10);
    await queue.remove(id);
    go();
    await until(async () => (await queue.stats()).events === 0);
    expect(await queue.claim("a", ROOM)).toEqual([]);
    expect((await queue.stats()).byState.waiting).toBe(0);
    await queue.close();
  });

  test("list() refuses a cursor that is none", async () => {
    const { rig } = createRig();
    const queue = await rig.open(toTarget("a"));
    await expect(queue.list({}, 10, "nonsense")).rejects.toThrow(RangeError);
    await queue.close();
  });
});
