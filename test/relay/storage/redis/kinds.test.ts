import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newEvent } from "../../../helpers/queue-contract.ts";
import { startRig, type RedisRig } from "../../../helpers/redis-queue.ts";
import { hasRedis } from "../../../helpers/redis-server.ts";

describe.runIf(hasRedis)("kinds()", () => {
  let rig: RedisRig;

  beforeAll(async () => {
    rig = await startRig();
  });
  afterAll(() => rig.close());

  test("says that there are more as long as events of an earlier version are kept, and never counts those away", async () => {
    const { queue } = await rig.open({});
    const old = await queue.enqueue(newEvent("old", { kind: "push", receivedAt: 1000 }));
    await rig.inspect.del("{relay}:kinds");
    expect(await queue.kinds()).toEqual({ counts: new Map(), isWhole: false });
    const { id } = await queue.enqueue(newEvent("new", { kind: "push", receivedAt: 2000 }));
    expect(await queue.kinds()).toEqual({ counts: new Map([["push", 1]]), isWhole: false });
    await queue.remove(old.id);
    expect(await queue.kinds()).toEqual({ counts: new Map([["push", 1]]), isWhole: true });
    await queue.remove(id);
    expect(await queue.kinds()).toEqual({ counts: new Map(), isWhole: true });
  });
});
