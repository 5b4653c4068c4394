import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../../../lib/clock.ts";
import { eventually } from "../../../helpers/eventually.ts";
import { attempt, newEvent } from "../../../helpers/queue-contract.ts";
import { startRig, type RedisRig } from "../../../helpers/redis-queue.ts";
import { hasRedis } from "../../../helpers/redis-server.ts";

const WARM = 500;
const EVENTS = 3500;
/** Not more at once: buffers of the connection are no part of what an event takes. */
const TOGETHER = 50;
const BODY_BYTES = 4096;
/** A member of the index `gitlab-ids`: these events have one id of GitLab's each. */
const INDEX_BYTES = 200;
/** What a waiting event may take. */
const LIMIT_BYTES = 1.3 * BODY_BYTES + 600 + INDEX_BYTES;

describe.runIf(hasRedis)("the Redis queue", () => {
  let rig: RedisRig;

  beforeAll(async () => {
    rig = await startRig();
  });
  afterAll(() => rig.close());

  test("takes little more than the bodies while events wait, and leaves no key behind when all is over", async () => {
    const { queue } = await rig.open({
      clock: systemClock,
      settings: { dedupeSeconds: 1, retain: { deliveredSeconds: 0, deliveredBytes: 1e9, deadSeconds: 0 } },
    });
    queue.setRouting((meta) => [{ target: "a", lane: meta.projectId === 0 ? "p0" : null }], ["a"]);
    expect(await queue.claim("a", { first: 1, retry: 1 })).toEqual([]);
    const keysBefore = await rig.inspect.dbsize();
    const used = async (): Promise<number> =>
      Number(/used_memory:(\d+)/.exec(await rig.inspect.info("memory"))![1]);
    const body = JSON.stringify({ text: "x".repeat(BODY_BYTES - 11) });
    const store = async (from: number, to: number): Promise<void> => {
      for (let first = from; first < to; first += TOGETHER) {
        await Promise.all(
          Array.from({ length: TOGETHER }, (_, index) =>
            queue.enqueue(
              newEvent(`k${first + index}`, { receivedAt: Date.now(), projectId: index % 10 }, body),
            ),
          ),
        );
      }
    };
    // Buffers and scripts take their room with the first ones.
    await store(0, WARM);
    const usedBefore = await used();
    await store(WARM, EVENTS);
    expect((await queue.stats()).byState.waiting).toBe(EVENTS);
    expect(((await used()) - usedBefore) / (EVENTS - WARM)).toBeLessThan(LIMIT_BYTES);

    let ended = 0;
    while (ended < EVENTS) {
      const claims = await queue.claim("a", { first: 100, retry: 100 });
      const at = Date.now();
      await Promise.all(
        claims.map((claimed, index) =>
          index === 0
            ? claimed.settle({ outcome: "dead", at, attempt: attempt(at), reason: "gone" })
            : claimed.settle({ outcome: "done", at, attempt: attempt(at) }),
        ),
      );
      ended += claims.length;
    }
    await eventually(async () => {
      await queue.expire();
      return (await queue.stats()).events === 0;
    });
    // The memory of the deliveries goes by itself.
    await eventually(async () => (await rig.inspect.dbsize()) === keysBefore);
    expect((await queue.stats()).bytes).toBe(0);
  });
});
