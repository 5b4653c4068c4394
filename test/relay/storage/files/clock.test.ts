/** Clocks that are set back and forth, due times, timers. */
import { describe, expect, test } from "vitest";
import { createFilesRig } from "../../../helpers/local-queue.ts";
import { attempt, newEvent, SETTINGS, toTarget, until } from "../../../helpers/queue-contract.ts";
import type { FilesRig } from "../../../helpers/local-queue.ts";
import type { Claim, Queue } from "../../../../relay/queue/queue.ts";

const ROOM = { first: 1000, retry: 1000 };
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

async function store(queue: Queue, key: string): Promise<string> {
  const { id } = await queue.enqueue(newEvent(key));
  await until(async () => (await queue.get(id))?.state !== "unrouted");
  return id;
}

function retryIn(rig: FilesRig, claimed: Claim, waitMs: number): Promise<void> {
  const at = rig.clock.now();
  return claimed.settle({ outcome: "retry", at, attempt: attempt(at), dueAt: at + waitMs });
}

describe("due times", () => {
  test.each([
    ["back by a year", -365 * DAY],
    ["ahead by a year", 365 * DAY],
  ])("go by elapsed time while the wall clock is set %s", async (_name, jump) => {
    const rig = createFilesRig();
    const queue = await rig.open(toTarget("a"));
    await store(queue, "one");
    const [claimed] = await queue.claim("a", ROOM);
    await retryIn(rig, claimed!, 10_000);
    rig.clock.setNow(rig.clock.now() + jump);
    await rig.clock.advance(9000);
    expect(await queue.claim("a", ROOM)).toEqual([]);
    await rig.clock.advance(1100);
    expect(await queue.claim("a", ROOM)).toHaveLength(1);
    await queue.close();
  });

  test("found a year ahead at a start are taken for at most a day", async () => {
    const rig = createFilesRig();
    let queue = await rig.open(toTarget("a"));
    await store(queue, "one");
    const [claimed] = await queue.claim("a", ROOM);
    await retryIn(rig, claimed!, HOUR);
    await queue.close();
    rig.clock.setNow(rig.clock.now() - 365 * DAY);
    queue = await rig.open(toTarget("a"));
    await rig.clock.advance(DAY - 1000);
    expect(await queue.claim("a", ROOM)).toEqual([]);
    await rig.clock.advance(2000);
    expect(await queue.claim("a", ROOM)).toHaveLength(1);
    await queue.close();
  });

  test("of retries that passed while the relay was away are spread over ten seconds", async () => {
    let seed = 0;
    const rig = createFilesRig({ random: () => (seed++ % 10) / 10 });
    let queue = await rig.open(toTarget("a"));
    for (let index = 0; index < 20; index++) await store(queue, `k${index}`);
    await store(queue, "fresh");
    for (const claimed of await queue.claim("a", { first: 20, retry: 0 })) await retryIn(rig, claimed, 1000);
    await queue.close();
    await rig.clock.advance(HOUR);
    queue = await rig.open(toTarget("a"));
    const found: number[] = [];
    for (let second = 0; second <= 10; second++) {
      found.push((await queue.claim("a", ROOM)).length);
      await rig.clock.advance(1000);
    }
    expect(found).toEqual([3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0]);
    await queue.close();
  });

  test("one timer waits for the earliest of all, none where nothing is due", async () => {
    const rig = createFilesRig();
    const queue = await rig.open(toTarget("a", "b"));
    await store(queue, "one");
    await store(queue, "two");
    await rig.clock.advance(2000);
    expect(rig.clock.pendingTimers).toBe(0);
    const [one, two] = await queue.claim("a", ROOM);
    const [three] = await queue.claim("b", ROOM);
    await retryIn(rig, one!, 50_000);
    await retryIn(rig, two!, 30_000);
    await retryIn(rig, three!, 40_000);
    await rig.clock.advance(0);
    expect(rig.clock.pendingTimers).toBe(1);
    expect(rig.clock.nextTimerMs).toBe(30_000);
    const announced: string[] = [];
    queue.onWork((target) => announced.push(target));
    await rig.clock.advance(30_000);
    expect(announced).toEqual(["a"]);
    expect(await queue.claim("a", ROOM)).toHaveLength(1);
    await rig.clock.advance(10_000);
    expect(announced).toEqual(["a", "b"]);
    await rig.clock.advance(10_000);
    expect(announced).toContain("a");
    expect(await queue.claim("a", ROOM)).toHaveLength(1);
    await queue.close();
    expect(rig.clock.pendingTimers).toBe(0);
  });
});

describe("a wall clock that jumps", () => {
  test("ahead and back again loses no memory and no event", async () => {
    const rig = createFilesRig();
    const queue = await rig.open(() => []);
    const id = await store(queue, "one");
    rig.clock.setNow(rig.clock.now() + 400 * DAY);
    expect(await queue.expire()).toBe(0);
    expect(await queue.enqueue(newEvent("one"))).toEqual({ status: "duplicate", id });
    await store(queue, "two");
    await rig.clock.advance(HOUR / 2);
    expect(await queue.expire()).toBe(0);
    rig.clock.setNow(rig.clock.now() - 400 * DAY);
    expect(await queue.expire()).toBe(0);
    expect(await queue.enqueue(newEvent("one"))).toEqual({ status: "duplicate", id });
    expect(await queue.enqueue(newEvent("two"))).toMatchObject({ status: "duplicate" });
    await queue.close();
  });

  test("back keeps the order of storing, in lists and in lanes, also after a restart", async () => {
    const rig = createFilesRig();
    const byProject = (): { target: string; lane: string }[] => [{ target: "a", lane: "p1" }];
    let queue = await rig.open(byProject);
    const ids = [await store(queue, "one")];
    rig.clock.setNow(rig.clock.now() - HOUR);
    ids.push(await store(queue, "two"));
    rig.clock.setNow(rig.clock.now() + 2 * HOUR);
    ids.push(await store(queue, "three"));
    rig.clock.setNow(rig.clock.now() - HOUR / 2);
    ids.push(await store(queue, "four"));
    await queue.close();
    queue = await rig.open(byProject);
    const { events } = await queue.list({}, 10, null);
    expect(events.map(({ meta }) => meta.id)).toEqual(ids.toReversed());
    const sent: string[] = [];
    for (let index = 0; index < 4; index++) {
      const [claimed] = await queue.claim("a", ROOM);
      sent.push(claimed!.meta.id);
      await claimed!.settle({ outcome: "done", at: rig.clock.now(), attempt: attempt(rig.clock.now()) });
    }
    expect(sent).toEqual(ids);
    await queue.close();
  });

  test("ahead for good is believed after an hour", async () => {
    const rig = createFilesRig();
    const queue = await rig.open(() => []);
    await store(queue, "one");
    rig.clock.setNow(rig.clock.now() + SETTINGS.retain.deliveredSeconds * 1000 + 1000);
    expect(await queue.expire()).toBe(0);
    await rig.clock.advance(HOUR + 1000);
    expect(await queue.expire()).toBe(1);
    await queue.close();
  });
});
