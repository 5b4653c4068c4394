import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { NewEvent } from "../../../../relay/event/event.ts";
import type { Enqueued, Router } from "../../../../relay/queue/queue.ts";
import { PairChangedError } from "../../../../relay/queue/errors.ts";
import { newEvent } from "../../../helpers/queue-contract.ts";
import { seeded } from "../../../helpers/random.ts";
import { startRig, type RedisRig } from "../../../helpers/redis-queue.ts";
import { DURABLE, hasRedis } from "../../../helpers/redis-server.ts";

const EVENTS = 60;

/** By project: 0 goes nowhere, 1 to one target in any order, the rest to two, with a lane at one of them. */
const router: Router = ({ projectId }) => {
  if (projectId === 0) return [];
  if (projectId === 1) return [{ target: "a", lane: null }];
  return [
    { target: "a", lane: null },
    { target: "b", lane: `p${projectId}` },
  ];
};

/** Pushes and issues of five projects; every fifth delivery or so comes again. */
function someEvents(seed: number, now: number): NewEvent[] {
  const random = seeded(seed);
  return Array.from({ length: EVENTS }, (_, index) => {
    const key = `k${index > 0 && random.below(5) === 0 ? random.below(index) : index}`;
    const kind = random.below(2) === 0 ? "push" : "issue";
    return newEvent(key, { receivedAt: now + index, projectId: random.below(5), kind });
  });
}

describe.runIf(hasRedis)("events that come together", () => {
  let rig: RedisRig;

  beforeAll(async () => {
    rig = await startRig(DURABLE);
  });
  afterEach(() => rig.clear());
  afterAll(() => rig.close());

  /** All that is in Redis, by key, without the names of stream entries, which are times. */
  async function content(): Promise<Map<string, unknown>> {
    const { inspect } = rig;
    const read = async (key: string): Promise<unknown> => {
      switch (await inspect.type(key)) {
        case "string":
          return [await inspect.get(key), (await inspect.pttl(key)) > 0];
        case "hash":
          return inspect.hgetall(key);
        case "set":
          return (await inspect.smembers(key)).sort();
        case "zset":
          return inspect.zrange(key, 0, "-1", "WITHSCORES");
        case "list":
          return inspect.lrange(key, 0, -1);
        default:
          return (await inspect.xrange(key, "-", "+")).map(([, fields]) => fields);
      }
    };
    const keys = (await inspect.keys("*")).sort();
    return new Map(await Promise.all(keys.map(async (key) => [key, await read(key)] as const)));
  }

  test.each([
    { name: "matched", by: router },
    { name: "not matched yet", by: null },
  ])("leave in Redis what they leave one after another ($name)", async ({ by }) => {
    const events = someEvents(by === null ? 1 : 2, rig.clock.now());
    const alone = await rig.open();
    if (by !== null) alone.queue.setRouting(by, ["a", "b"]);
    const expected: Enqueued[] = [];
    for (const event of events) expected.push(await alone.queue.enqueue(event));
    const left = await content();
    await rig.clear();

    const { queue } = await rig.open();
    if (by !== null) queue.setRouting(by, ["a", "b"]);
    expect(await Promise.all(events.map((event) => queue.enqueue(event)))).toEqual(expected);
    expect(expected.some(({ status }) => status === "duplicate")).toBe(true);
    expect(await content()).toEqual(left);
  });

  test("of a pair, one is told that the other came meanwhile", async () => {
    const { queue } = await rig.open();
    queue.setRouting(router, ["a", "b"]);
    const ofPair = (key: string): NewEvent => ({ ...newEvent(key, { pairKey: "pair" }), pairsSeen: 0 });
    const [first, second] = await Promise.allSettled([
      queue.enqueue(ofPair("x")),
      queue.enqueue(ofPair("y")),
    ]);
    expect(first).toMatchObject({ status: "fulfilled", value: { status: "accepted" } });
    expect(second).toMatchObject({ status: "rejected", reason: expect.any(PairChangedError) });
    const { events } = await queue.list({}, 10, null);
    expect(events).toHaveLength(1);
  });

  test("are stored whatever their size, in their order", async () => {
    const { queue } = await rig.open();
    queue.setRouting(() => [{ target: "a", lane: "p" }], ["a"]);
    const bodies = [10, 100_000, 2_000_000, 20, 70_000].map((size) => JSON.stringify("x".repeat(size)));
    const stored = await Promise.all(
      bodies.map((body, index) => queue.enqueue(newEvent(`k${index}`, {}, body))),
    );
    const lane = await rig.inspect.lrange("{relay}:lane:a:p", 0, -1);
    expect(lane).toEqual(stored.map(({ id }) => `${id}:0`));
    for (const [index, { id }] of stored.entries()) {
      expect(Buffer.from((await queue.body(id))!).toString()).toBe(bodies[index]);
      expect(await rig.inspect.pttl(`{relay}:event:${id}`)).toBe(-1);
    }
  });

  test("a repetition of an event that is gone is written, too: whoever waits for the sync of the last write waits for it", async () => {
    const { queue } = await rig.open();
    const { id } = await queue.enqueue(newEvent("k"));
    await queue.remove(id);
    const written = async (): Promise<number> =>
      Number(/aof_current_size:(\d+)/.exec(await rig.inspect.info("persistence"))![1]);
    const before = await written();
    expect(await queue.enqueue(newEvent("k"))).toEqual({ status: "duplicate", id });
    expect(await written()).toBeGreaterThan(before);
    expect(await rig.inspect.pttl(`{relay}:seen:${id.slice(-14)}`)).toBeGreaterThan(0);
  });
});
