/** Loss of power at any moment: what was acknowledged is delivered or a dead letter, and nothing is there that nobody sent. */
import { describe, expect, test } from "vitest";
import type { Claim, Queue, Router } from "../../../../relay/queue/queue.ts";
import { createFilesRig, type FilesRig } from "../../../helpers/local-queue.ts";
import { attempt, newEvent, SETTINGS, toTarget, until } from "../../../helpers/queue-contract.ts";

const byProject: Router = (meta) => [
  { target: "a", lane: null },
  { target: "b", lane: `p${meta.projectId}` },
];

describe("openFilesQueue() after loss of power", () => {
  test.each([1, 2, 3, 4, 5, 6])("delivers everything that was acknowledged (seed %i)", async (seed) => {
    const random = generator(seed);
    const rig = createFilesRig({ random });
    const oracle = new Oracle();
    let queue = await rig.open(byProject);
    let sent = 0;
    for (let round = 0; round < 12; round++) {
      for (let step = 0; step < 30; step++) {
        const dice = random();
        if (dice < 0.45) {
          // Not always awaited: the crash may come before the answer.
          const key = random() < 0.15 && sent > 0 ? `k${Math.floor(random() * sent)}` : `k${sent++}`;
          const answer = queue.enqueue(newEvent(key, { projectId: sent % 3 })).then(
            ({ id }) => oracle.acknowledged(key, id),
            () => {},
          );
          if (random() < 0.8) await answer;
        } else if (dice < 0.85) {
          const target = random() < 0.5 ? "a" : "b";
          const room = { first: Math.floor(random() * 3), retry: Math.floor(random() * 3) };
          for (const claimed of await queue.claim(target, room)) {
            oracle.sent(claimed);
            if (random() < 0.8) await settle(rig, oracle, claimed, random());
          }
        } else {
          await rig.clock.advance(Math.floor(random() * 3000));
        }
      }
      rig.disk.crash(Math.floor(random() * 5));
      if (random() < 0.5) rig.disk.compact((x, y) => (random() < 0.5 ? -1 : x.key < y.key ? -1 : 1));
      await rig.clock.advance(0);
      queue = await rig.open(byProject);
    }
    await drain(rig, queue, oracle);
    expect(oracle.missing()).toEqual([]);
    expect(oracle.outOfOrder).toEqual([]);
    const stats = await queue.stats();
    expect(stats.byState.waiting + stats.byState.sending).toBe(0);
    const { events } = await queue.list({}, 1000, null);
    expect(events.every(({ meta }) => oracle.wasSent(meta.deliveryId!))).toBe(true);
    expect(new Set(events.map(({ meta }) => meta.deliveryId)).size).toBe(events.length);
    await queue.close();
  });

  test("an event whose write failed and came to light all the same is one with its repetition", async () => {
    const rig = createFilesRig();
    const queue = await rig.open(toTarget("a"));
    rig.disk.failing = "storage";
    await expect(queue.enqueue(newEvent("one"))).rejects.toMatchObject({ code: "storage" });
    rig.disk.failing = null;
    const { id } = await queue.enqueue(newEvent("one"));
    await queue.enqueue(newEvent("two"));
    expect(rig.disk.keys("event:").filter((key) => key === `event:${id}`)).toHaveLength(1);
    expect(rig.disk.keys("event:")).toHaveLength(2);
    await queue.close();
  });

  test("the second of two that came at once is not answered before the first is durable", async () => {
    const rig = createFilesRig();
    const queue = await rig.open(toTarget("a"));
    rig.disk.hold();
    const answers: string[] = [];
    const first = queue.enqueue(newEvent("one")).then(({ status }) => answers.push(status));
    const second = queue.enqueue(newEvent("one")).then(({ status }) => answers.push(status));
    await rig.clock.advance(10);
    expect(answers).toEqual([]);
    expect(await queue.known(["one"])).toEqual([]);
    rig.disk.release();
    await Promise.all([first, second]);
    expect(answers).toEqual(["accepted", "duplicate"]);
    expect(rig.disk.writes.synced).toBe(1);
    await queue.close();
  });

  test("an enqueue is one write", async () => {
    const rig = createFilesRig();
    const queue = await rig.open(toTarget("a"));
    await queue.enqueue(newEvent("one"));
    expect(rig.disk.log).toHaveLength(1);
    expect(rig.disk.log[0]).toHaveLength(1);
    await queue.close();
  });

  test("routes that were not written yet are made anew, those that were are kept", async () => {
    const rig = createFilesRig();
    let queue = await rig.open(toTarget("a"));
    const kept = await queue.enqueue(newEvent("kept"));
    await rig.clock.advance(2000);
    const lost = await queue.enqueue(newEvent("lost"));
    await rig.clock.advance(10);
    rig.disk.crash();
    queue = await rig.open(toTarget("b"));
    await until(async () => (await queue.get(lost.id))?.state === "waiting");
    const targets = async (id: string): Promise<string[]> =>
      (await queue.get(id))!.deliveries.map(({ target }) => target);
    expect(await targets(kept.id)).toEqual(["a"]);
    expect(await targets(lost.id)).toEqual(["b"]);
    await queue.close();
  });

  test("a delivery that ended keeps its end where the routes were lost", async () => {
    const rig = createFilesRig();
    let queue = await rig.open(toTarget("a", "b"));
    const { id } = await queue.enqueue(newEvent("one"));
    await until(async () => (await queue.stats()).byState.waiting === 2);
    const [claimed] = await queue.claim("a", { first: 1, retry: 1 });
    await settle(rig, new Oracle(), claimed!, 0);
    // The state is on disk, the record of the routes (a second later) is not.
    expect(rig.disk.keys("routes:")).toEqual([]);
    rig.disk.crash(100);
    queue = await rig.open(toTarget("a", "b"));
    await until(async () => (await queue.get(id))?.deliveries.length === 2);
    expect((await queue.get(id))?.deliveries.map(({ target, state }) => [target, state])).toEqual([
      ["a", "done"],
      ["b", "waiting"],
    ]);
    expect((await queue.stats()).byState).toEqual({ waiting: 1, sending: 0, done: 1, dead: 0 });
    await queue.close();
  });

  test("states without an event are removed at the start", async () => {
    const rig = createFilesRig();
    let queue = await rig.open(toTarget("a"));
    const { id } = await queue.enqueue(newEvent("one"));
    await until(async () => (await queue.stats()).byState.waiting === 1);
    const [claimed] = await queue.claim("a", { first: 1, retry: 1 });
    await settle(rig, new Oracle(), claimed!, 0);
    await queue.close();
    rig.disk.log.push([{ key: `event:${id}`, value: null }]);
    rig.disk.synced = rig.disk.log.length;
    queue = await rig.open(toTarget("a"));
    expect(await queue.stats()).toMatchObject({ events: 0, byState: { done: 0 } });
    await queue.close();
    expect(rig.disk.keys()).toEqual([]);
  });

  test("after retention removed everything, nothing but the memory of deliveries is left; after the window, nothing", async () => {
    const rig = createFilesRig();
    const queue = await rig.open(toTarget("a"));
    for (let index = 0; index < 300; index++) {
      await queue.enqueue(newEvent(`k${index}`));
      if (index % 20 === 0) await rig.clock.advance(1100);
    }
    await until(async () => (await queue.stats()).byState.waiting === 300);
    for (const claimed of await queue.claim("a", { first: 300, retry: 0 })) {
      await settle(rig, new Oracle(), claimed, 0);
    }
    await rig.clock.advance(2 * 86_400_000);
    expect(await queue.expire()).toBe(300);
    await queue.expire();
    expect(rig.disk.keys().map((key) => key.split(":")[0])).toEqual(["dedupe", "dedupe"]);
    expect(await queue.enqueue(newEvent("k7"))).toMatchObject({ status: "duplicate" });
    await rig.clock.advance(SETTINGS.dedupeSeconds * 1000);
    // The jump of the clock is one that lasts: it is believed after an hour.
    await queue.expire();
    await rig.clock.advance(3_700_000);
    await queue.expire();
    expect(rig.disk.keys()).toEqual([]);
    expect((await queue.stats()).remembered).toBe(0);
    await queue.close();
  });

  test("records of routes are joined, so that slow times leave no heap of small ones", async () => {
    const rig = createFilesRig();
    let queue = await rig.open(byProject);
    for (let index = 0; index < 40; index++) {
      await queue.enqueue(newEvent(`k${index}`, { projectId: index % 5 }));
      await rig.clock.advance(1500);
    }
    expect(rig.disk.keys("routes:").length).toBe(40);
    await queue.expire();
    expect(rig.disk.keys("routes:").length).toBe(1);
    rig.disk.crash(1000);
    queue = await rig.open(() => []);
    expect(await queue.stats()).toMatchObject({ events: 40, byState: { waiting: 80 } });
    expect((await queue.stats()).targets.get("b")?.lanes).toBe(5);
    expect(await queue.list({ project: "acme/web" }, 100, null)).toMatchObject({ cursor: null });
    await queue.close();
  });

  test("records of removed deliveries are joined", async () => {
    const rig = createFilesRig();
    const queue = await rig.open(toTarget("a"));
    for (let index = 0; index < 20; index++) {
      const { id } = await queue.enqueue(newEvent(`k${index}`));
      await queue.remove(id);
    }
    expect(rig.disk.keys("dedupe:").length).toBe(20);
    await queue.expire();
    expect(rig.disk.keys("dedupe:").length).toBe(1);
    await queue.close();
    const again = await rig.open(toTarget("a"));
    expect(await again.known(Array.from({ length: 20 }, (_, index) => `k${index}`))).toHaveLength(20);
    await again.close();
  });
});

/** Claims and settles until nothing is left to send. */
async function drain(rig: FilesRig, queue: Queue, oracle: Oracle): Promise<void> {
  for (let idle = 0; idle < 3;) {
    await rig.clock.advance(30_000);
    let claimed = 0;
    for (const target of ["a", "b"]) {
      for (const claim of await queue.claim(target, { first: 50, retry: 50 })) {
        claimed++;
        oracle.sent(claim);
        await settle(rig, oracle, claim, 0);
      }
    }
    idle = claimed === 0 ? idle + 1 : 0;
  }
}

async function settle(rig: FilesRig, oracle: Oracle, claimed: Claim, dice: number): Promise<void> {
  const at = rig.clock.now();
  const made = attempt(at);
  if (dice < 0.6) {
    oracle.ended(claimed);
    await claimed.settle({ outcome: "done", at, attempt: made });
  } else if (dice < 0.85) {
    await claimed.settle({ outcome: "retry", at, attempt: made, dueAt: at + 5000 });
  } else if (dice < 0.93) {
    oracle.ended(claimed);
    await claimed.settle({ outcome: "dead", at, attempt: made, reason: "gone" });
  } else {
    await claimed.settle({ outcome: "released", dueAt: at + 100 });
  }
}

/** Keeps the books of the one who sends and the one who receives. */
class Oracle {
  readonly #acknowledged = new Map<string, string>();
  readonly #ended = new Set<string>();
  readonly #lastEnded = new Map<string, string>();
  readonly outOfOrder: string[] = [];

  acknowledged(key: string, id: string): void {
    this.#acknowledged.set(id, key);
  }

  wasSent(key: string): boolean {
    return /^k\d+$/.test(key);
  }

  sent({ meta, body }: Claim): void {
    expect(Buffer.from(body).toString()).toBe(`{"key":"${meta.deliveryId}"}`);
  }

  /** The first end of each delivery of an ordered lane comes in the order of storing. */
  ended({ delivery, meta }: Claim): void {
    const name = `${delivery.eventId}:${delivery.target}`;
    if (this.#ended.has(name)) return;
    this.#ended.add(name);
    if (delivery.target !== "b") return;
    const lane = `p${meta.projectId}`;
    const last = this.#lastEnded.get(lane);
    if (last !== undefined && last > delivery.eventId)
      this.outOfOrder.push(`${last} before ${delivery.eventId}`);
    this.#lastEnded.set(lane, delivery.eventId);
  }

  missing(): string[] {
    return [...this.#acknowledged.keys()].flatMap((id) =>
      ["a", "b"].map((target) => `${id}:${target}`).filter((name) => !this.#ended.has(name)),
    );
  }
}

function generator(seed: number): () => number {
  let state = seed * 7919;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) / 0x1_00_00_00;
  };
}
