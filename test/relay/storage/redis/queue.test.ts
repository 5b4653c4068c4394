import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ReplayJob, ReplayLease, ReplayPart } from "../../../../relay/queue/replay-job.ts";
import {
  describeQueueContract,
  newEvent,
  SETTINGS,
  toTarget,
  type QueueHarness,
} from "../../../helpers/queue-contract.ts";
import { describeReplayContract } from "../../../helpers/replay-contract.ts";
import { startRig, type RedisRig } from "../../../helpers/redis-queue.ts";
import { hasRedis } from "../../../helpers/redis-server.ts";

/** As if it had not been renewed in time. */
const LEASE_KEY = "{relay}:replays:lease";
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
  const frail = async (): Promise<QueueHarness> => ({
    ...(await harness()),
    async crash() {
      await rig.cutOff();
      await rig.inspect.del(LEASE_KEY);
    },
  });
  test("a step of a relay that has lost its lease changes nothing", async () => {
    const { open, dispose } = await harness();
    const first = await open(SETTINGS);
    const second = await open(SETTINGS);
    for (const queue of [first, second]) queue.setRouting(toTarget("a"), ["a"]);
    const { id } = await first.enqueue(newEvent("one"));
    const set = { filter: {}, targets: ["a"], upTo: id };
    const expected = await first.replayJobs.count(set, 5000);
    const plan = { ...set, id: "job", createdAt: 1, createdBy: "alice", ratePerSecond: null, parts: ["a"] };
    await first.replayJobs.create({ ...plan, expected });
    const job = (await first.replayJobs.get("job")) as ReplayJob;
    const lost = (await first.replayJobs.lease(60_000)) as ReplayLease;
    expect(await second.replayJobs.lease(60_000)).toBeNull();
    await rig.inspect.del(LEASE_KEY);
    const present = (await second.replayJobs.lease(60_000)) as ReplayLease;
    const step = { job, part: job.parts[0] as ReplayPart, limit: 10 };
    expect(await lost.renew()).toBe(false);
    expect(await first.replayJobs.step({ ...step, lease: lost })).toBeNull();
    await lost.release();
    expect(await second.replayJobs.step({ ...step, lease: present })).toMatchObject({ queued: 1 });
    await dispose();
  });

  describeReplayContract("on a real server", frail, { seeds: [1], limit: 5 });
});
