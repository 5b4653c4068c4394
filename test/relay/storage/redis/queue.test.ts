import { afterAll, beforeAll, describe } from "vitest";
import { describeQueueContract, type QueueHarness } from "../../../helpers/queue-contract.ts";
import { describeReplayContract } from "../../../helpers/replay-contract.ts";
import { startRig, type RedisRig } from "../../../helpers/redis-queue.ts";
import { hasRedis } from "../../../helpers/redis-server.ts";

/** Beyond this, only the wall clock is moved on: timers would fire a million times. */
const TIMED_MS = 120_000;

describe.runIf(hasRedis)("openRedisQueue()", () => {
  let rig: RedisRig;

  beforeAll(async () => {
    rig = await startRig();
  });
  afterAll(() => rig.close());

  const harness = async (): Promise<QueueHarness> => {
    await rig.clear();
    const { clock, server } = rig;
    return {
      now: () => clock.now(),
      async advance(ms) {
        if (ms > TIMED_MS) clock.setNow(clock.now() + ms - TIMED_MS);
        await clock.advance(Math.min(ms, TIMED_MS));
      },
      async open(settings) {
        return (await rig.open({ settings })).queue;
      },
      async crash() {
        await rig.cutOff();
        await server.kill();
        await server.restart();
        // What the dead relay held is taken over once its lease has run out.
        await rig.ageClaims(60_000);
      },
      async refuseWrites(refuse) {
        await rig.inspect.config("SET", "maxmemory", refuse ? 1 : 0);
      },
      dispose: () => rig.cutOff(),
    };
  };

  describeQueueContract("on a real server with appendfsync always", harness);
  // The relay alone dies: a restart of the server takes most of a second.
  const frail = async (): Promise<QueueHarness> => ({ ...(await harness()), crash: () => rig.cutOff() });
  describeReplayContract("on a real server", frail, { seeds: [1], limit: 5 });
});
