import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Redis } from "ioredis";
import { eventually } from "../../../helpers/eventually.ts";
import { newEvent, toTarget } from "../../../helpers/queue-contract.ts";
import { startRig, type RedisRig } from "../../../helpers/redis-queue.ts";
import { DURABLE, hasRedis } from "../../../helpers/redis-server.ts";

/** What clients ask of Redis, scripts' own calls left out; and how often the way to it turned from asking to answering. */
interface Traffic {
  readonly commands: string[];
  trips: number;
  bytes: number;
}

describe.runIf(hasRedis)("enqueue() with appendfsync always", () => {
  let rig: RedisRig;
  let monitor: Redis;

  beforeAll(async () => {
    rig = await startRig(DURABLE);
    monitor = await rig.inspect.monitor();
  });
  afterEach(() => rig.clear());
  afterAll(async () => {
    monitor.disconnect();
    await rig.close();
  });

  /** A queue that has stored an event before, as its relay has for nearly all webhooks. */
  async function setUp() {
    const traffic: Traffic = { commands: [], trips: 0, bytes: 0 };
    let isAsking = false;
    const { queue } = await rig.open({
      rewrite: {
        toServer(chunk) {
          if (!isAsking) traffic.trips += 1;
          isAsking = true;
          traffic.bytes += chunk.length;
          return chunk;
        },
        toClient(chunk) {
          isAsking = false;
          return chunk;
        },
      },
    });
    queue.setRouting(toTarget("a"), ["a"]);
    await queue.enqueue(newEvent("first"));
    const onCommand = (_time: string, [command = "", key]: string[], source: string): void => {
      if (source === "lua") return;
      if (command.toLowerCase() === "echo") lastEcho = String(key);
      else traffic.commands.push(command.toLowerCase());
    };
    let lastEcho = "";
    monitor.on("monitor", onCommand);
    /** Until MONITOR has told all that came before this call. */
    const isTold = async (): Promise<void> => {
      const mark = `told-${traffic.commands.length}`;
      await rig.inspect.echo(mark);
      await eventually(() => lastEcho === mark);
    };
    await isTold();
    Object.assign(traffic, { trips: 0, bytes: 0 });
    traffic.commands.length = 0;
    return {
      queue,
      traffic,
      async end() {
        await isTold();
        monitor.off("monitor", onCommand);
      },
    };
  }

  test("takes one round trip a webhook, and sends no script in full", async () => {
    const { queue, traffic, end } = await setUp();
    const event = newEvent("one");
    expect((await queue.enqueue(event)).status).toBe("accepted");
    const { trips, bytes } = traffic;
    await end();
    expect(trips).toBe(1);
    expect(traffic.commands).toEqual(["evalsha"]);
    expect(bytes).toBeLessThan(event.body.length + 3000);
  });

  test("stores a large body beside the script, in the same trip", async () => {
    const { queue, traffic, end } = await setUp();
    await queue.enqueue(newEvent("large", {}, JSON.stringify("x".repeat(100_000))));
    await end();
    expect(traffic.commands).toEqual(["set", "evalsha"]);
  });

  test("webhooks of one turn are one command, which Redis syncs once", async () => {
    const { queue, traffic, end } = await setUp();
    await Promise.all(Array.from({ length: 20 }, (_, n) => queue.enqueue(newEvent(`${n}`))));
    await end();
    expect(traffic.commands).toEqual(["evalsha"]);
  });

  test("a script that Redis has forgotten is sent again in full, and the event is stored once", async () => {
    const { queue, end } = await setUp();
    await rig.inspect.script("FLUSH");
    const stored = await Promise.all(["x", "y"].map((key) => queue.enqueue(newEvent(key))));
    await end();
    expect(stored.map(({ status }) => status)).toEqual(["accepted", "accepted"]);
    expect((await queue.enqueue(newEvent("x"))).status).toBe("duplicate");
    const { events } = await queue.list({}, 10, null);
    expect(events).toHaveLength(3);
    expect(await queue.body(stored[1]!.id)).toEqual(newEvent("y").body);
  });
});
