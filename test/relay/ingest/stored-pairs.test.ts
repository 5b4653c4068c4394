/** Two relays on one Redis: each webhook may come to either of them. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { configSchema } from "../../../relay/config/schema.ts";
import type { EventMeta } from "../../../relay/event/event.ts";
import { PAIR_WINDOW_MS, StoredPairs } from "../../../relay/ingest/stored-pairs.ts";
import type { EventSummary, Queue } from "../../../relay/queue/queue.ts";
import { createRouter } from "../../../relay/routing/route.ts";
import { newEvent } from "../../helpers/queue-contract.ts";
import { startRig, type RedisRig } from "../../helpers/redis-queue.ts";
import { DURABLE, hasRedis } from "../../helpers/redis-server.ts";

const targets = { both: { type: "log" }, hooks: { type: "log", events: ["push"] } };
const route = createRouter(configSchema.parse({ targets }));

type Side = "hook" | "system";

describe.runIf(hasRedis)("StoredPairs", () => {
  let rig: RedisRig;
  let sent = 0;
  beforeAll(async () => {
    rig = await startRig(DURABLE);
  });
  afterEach(() => rig.clear());
  afterAll(() => rig.close());

  async function relay(): Promise<{ pairs: StoredPairs; queue: Queue }> {
    const { queue } = await rig.open();
    queue.setRouting(route, Object.keys(targets));
    return { pairs: new StoredPairs(queue, rig.clock), queue };
  }

  function eventOf(side: Side, pairKey: string, changes: Partial<EventMeta> = {}) {
    const header = side === "system" ? "System Hook" : "Push Hook";
    const kind = side === "system" ? null : "push";
    sent += 1;
    const receivedAt = rig.clock.now();
    return newEvent(`key-${sent}`, { header, kind, pairKey, receivedAt, ...changes });
  }

  async function stored(queue: Queue): Promise<EventSummary[]> {
    return [...(await queue.list({}, 1000, null)).events];
  }

  test("of pairs that come at the same moment to two relays, each target gets one", async () => {
    const relays = [await relay(), await relay()] as const;
    const keys = Array.from({ length: 40 }, (_, n) => `pair-${n}`);
    await Promise.all(
      keys.flatMap((key, n) => [
        relays[n % 2 === 0 ? 0 : 1].pairs.enqueue(eventOf("hook", key)),
        relays[n % 3 === 0 ? 0 : 1].pairs.enqueue(eventOf("system", key)),
      ]),
    );
    const events = await stored(relays[0].queue);
    expect(events).toHaveLength(80);
    for (const key of keys) {
      const pair = events.filter(({ meta }) => meta.pairKey === key);
      expect(pair.filter(({ meta }) => meta.twin !== undefined)).toHaveLength(1);
      const got = pair.flatMap(({ deliveries }) => deliveries.map(({ target }) => target));
      // What wants only the hook's event gets that, whichever came first.
      expect(got.toSorted()).toEqual(["both", "hooks"]);
    }
  });

  test("of equal events of one side a target gets as many, however they meet those of the other", async () => {
    const relays = [await relay(), await relay()] as const;
    const sides: Side[] = ["hook", "hook", "hook", "system", "system"];
    await Promise.all(
      sides.map((side, n) => relays[n % 2 === 0 ? 0 : 1].pairs.enqueue(eventOf(side, "pair"))),
    );
    const deliveries = (await stored(relays[0].queue)).flatMap((event) => event.deliveries);
    expect(deliveries.filter(({ target }) => target === "hooks")).toHaveLength(3);
    expect(deliveries.filter(({ target }) => target === "both").length).toBeGreaterThanOrEqual(3);
  });

  test("a restart forgets nothing; another GitLab, another content, a late one and a repetition are no twins", async () => {
    const first = await relay();
    const hook = eventOf("hook", "pair");
    await first.pairs.enqueue(hook);
    await rig.cutOff();
    const { pairs, queue } = await relay();
    const twinOf = async (event: ReturnType<typeof eventOf>): Promise<string | undefined> => {
      const { id } = await pairs.enqueue(event);
      return (await queue.get(id))?.meta.twin?.of;
    };
    expect(await twinOf(eventOf("system", "pair", { instanceName: "partner" }))).toBeUndefined();
    expect(await twinOf(eventOf("system", "other"))).toBeUndefined();
    expect((await pairs.enqueue(hook)).status).toBe("duplicate");
    const found = await queue.find("pair");
    const forerunner = found.find(({ meta }) => meta.instanceName === undefined);
    expect(await twinOf(eventOf("system", "pair"))).toBe(forerunner?.meta.id);
    expect(await twinOf(eventOf("system", "pair"))).toBeUndefined();
    await pairs.enqueue(eventOf("hook", "late"));
    await rig.clock.advance(PAIR_WINDOW_MS + 1);
    expect(await twinOf(eventOf("system", "late"))).toBeUndefined();
  });
});
