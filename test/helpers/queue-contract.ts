/**
 * What every queue promises, whatever is behind it: run on the queue of one process (on a journal in memory and on a real one) and
 * on Redis. Times are those of the clock that the queue was given.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EventMeta, NewEvent } from "../../relay/event/event.ts";
import { deadReasonOf } from "../../relay/queue/dead-reason.ts";
import { standingDeliveries } from "../../relay/queue/filter.ts";
import { numberOfId } from "../../relay/event/gitlab-ids.ts";
import type { Attempt } from "../../relay/queue/delivery-state.ts";
import type {
  Claim,
  EventFilter,
  EventPage,
  KindCounts,
  ListOrder,
  QueueEvent,
  Route,
  Router,
} from "../../relay/queue/queue.ts";
import type { ReplayQueue } from "../../relay/queue/replay-job.ts";
import { eventMeta } from "./events.ts";
import { seeded } from "./random.ts";
import { replaySet } from "./replay-set.ts";

export interface QueueSettings {
  readonly dedupeSeconds: number;
  readonly retain: {
    readonly deliveredSeconds: number;
    readonly deliveredBytes: number;
    readonly deadSeconds: number;
  };
}

/** One storage, on which queues are opened one after another. */
export interface QueueHarness {
  /** Wall clock of the queue. */
  now(): number;
  /** Lets time pass; resolves when what it woke has run. */
  advance(ms: number): Promise<void>;
  open(settings: QueueSettings): Promise<ReplayQueue>;
  /** kill -9 of whatever is open, and loss of power; then open() finds what was on stable storage. */
  crash(): Promise<void>;
  /** From now on the storage refuses to write (a synced write rejects with an UpstreamError), until it is called with false. */
  refuseWrites(refuse: boolean): void | Promise<void>;
  dispose(): Promise<void>;
}

export const SETTINGS: QueueSettings = {
  dedupeSeconds: 7 * 86_400,
  retain: { deliveredSeconds: 86_400, deliveredBytes: 1_000_000_000, deadSeconds: 30 * 86_400 },
};

const ROOM = { first: 100, retry: 100 };

export function newEvent(key: string, changes: Partial<EventMeta> = {}, body = `{"key":"${key}"}`): NewEvent {
  const { id: _, ...meta } = eventMeta({ deliveryId: key, ...changes });
  const bytes = Buffer.from(body, "utf8");
  return {
    meta: { ...meta, bodyBytes: bytes.length },
    body: bytes,
    dedupeKey: key,
  };
}

export function attempt(at: number, changes: Partial<Attempt> = {}): Attempt {
  return { at, durationMs: 5, status: 200, error: null, excerpt: null, ...changes };
}

export function describeQueueContract(name: string, createHarness: () => Promise<QueueHarness>): void {
  describe(`${name} as a queue`, () => {
    let harness: QueueHarness;
    let queue: ReplayQueue;
    let seen: QueueEvent[];

    const open = async (
      settings: QueueSettings = SETTINGS,
      router: Router = toTarget("a"),
      targets: readonly string[] = ["a", "b"],
    ): Promise<void> => {
      queue = await harness.open(settings);
      seen = [];
      queue.onEvent((event) => seen.push(event));
      queue.setRouting(router, targets);
    };
    const reopen = async (...how: Parameters<typeof open>): Promise<void> => {
      await queue.close();
      await open(...how);
    };
    const store = async (key: string, changes: Partial<EventMeta> = {}, body?: string): Promise<string> => {
      await harness.advance(1);
      const { status, id } = await queue.enqueue(
        newEvent(key, { receivedAt: harness.now(), ...changes }, body),
      );
      expect(status).toBe("accepted");
      await until(() => seen.some((event) => event.type === "routed" && event.meta.id === id));
      return id;
    };
    /** Claims until there are as many as wanted. */
    const claim = async (target: string, wanted: number, room = ROOM): Promise<Claim[]> => {
      const claims: Claim[] = [];
      await until(async () => {
        claims.push(...(await queue.claim(target, room)));
        return claims.length >= wanted;
      });
      expect(claims).toHaveLength(wanted);
      return claims;
    };
    const replayDead = (filter: EventFilter): Promise<number> => replaySet(queue, filter);
    const claimNothing = async (target: string): Promise<void> => {
      await harness.advance(0);
      expect(await queue.claim(target, ROOM)).toEqual([]);
    };
    const done = (claimed: Claim): Promise<void> =>
      claimed.settle({ outcome: "done", at: harness.now(), attempt: attempt(harness.now()) });
    const dead = (claimed: Claim): Promise<void> =>
      claimed.settle({
        outcome: "dead",
        at: harness.now(),
        attempt: attempt(harness.now(), { status: 410, error: "gone" }),
        reason: "gone",
      });
    const retry = (claimed: Claim, waitMs: number): Promise<void> =>
      claimed.settle({
        outcome: "retry",
        at: harness.now(),
        attempt: attempt(harness.now(), { status: 503, error: "unavailable" }),
        dueAt: harness.now() + waitMs,
      });
    const idsOf = async (filter: EventFilter, limit = 50, order?: ListOrder): Promise<string[]> => {
      const ids: string[] = [];
      let cursor: string | null = null;
      do {
        const page: EventPage = await queue.list(filter, limit, cursor, order);
        ids.push(...page.events.map((event) => event.meta.id));
        cursor = page.cursor;
      } while (cursor !== null);
      return ids;
    };

    beforeEach(async () => {
      harness = await createHarness();
      await open();
    });
    afterEach(async () => {
      await queue.close();
      await harness.dispose();
    });

    describe("enqueue()", () => {
      test("gives an id of 26 characters; get() and body() return what was stored, byte for byte", async () => {
        const body = Buffer.from([0x7b, 0xff, 0x00, 0xfe, 0x0a, 0x7d]);
        const event = { ...newEvent("one"), body };
        const { id, status } = await queue.enqueue(event);
        expect(status).toBe("accepted");
        expect(id).toMatch(/^[0-9a-hjkmnp-tv-z]{26}$/);
        expect(Buffer.from((await queue.body(id))!)).toEqual(body);
        expect((await queue.get(id))?.meta).toEqual({ ...event.meta, id });
      });

      test("gives ids that ascend in the order of storing", async () => {
        const ids: string[] = [];
        for (let index = 0; index < 20; index++) {
          ids.push((await queue.enqueue(newEvent(`k${index}`))).id);
        }
        expect(ids).toEqual([...ids].sort());
        expect(new Set(ids).size).toBe(20);
      });

      test("answers a second delivery of the same event as duplicate, with the first one's id", async () => {
        const id = await store("one");
        expect(await queue.enqueue(newEvent("one"))).toEqual({ status: "duplicate", id });
        expect(await queue.enqueue(newEvent("two"))).toMatchObject({ status: "accepted" });
        expect(await idsOf({})).toHaveLength(2);
        expect(seen).toContainEqual({ type: "duplicate", id });
      });

      test("duplicates() counts what was sent again, for good, until the event is removed", async () => {
        const id = await store("one");
        expect(await queue.duplicates(id)).toBeNull();
        await Promise.all([queue.enqueue(newEvent("one")), queue.enqueue(newEvent("one"))]);
        await harness.advance(1000);
        await queue.enqueue(newEvent("one"));
        const counted = { count: 3, lastAt: harness.now() };
        expect(await queue.duplicates(id)).toEqual(counted);
        await store("two");
        await reopen();
        expect(await queue.duplicates(id)).toEqual(counted);
        await queue.remove(id);
        await queue.enqueue(newEvent("one"));
        expect(await queue.duplicates(id)).toBeNull();
        await reopen();
        expect(await queue.duplicates(id)).toBeNull();
      });

      test("stores one of several deliveries of the same event that come at once", async () => {
        const answers = await Promise.all(Array.from({ length: 10 }, () => queue.enqueue(newEvent("one"))));
        expect(answers.filter(({ status }) => status === "accepted")).toHaveLength(1);
        expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
        expect(await idsOf({})).toHaveLength(1);
      });

      test("recognises a delivery after a restart and after a crash", async () => {
        const id = await store("one");
        await reopen();
        expect(await queue.enqueue(newEvent("one"))).toEqual({ status: "duplicate", id });
        await harness.crash();
        await open();
        expect(await queue.enqueue(newEvent("one"))).toEqual({ status: "duplicate", id });
      });

      test("forgets a delivery once the window is over, also after a restart", async () => {
        const settings = { ...SETTINGS, dedupeSeconds: 3600 };
        await reopen(settings);
        const id = await store("one");
        await harness.advance(3_599_000);
        expect(await queue.enqueue(newEvent("one"))).toEqual({ status: "duplicate", id });
        await harness.advance(2000);
        await reopen(settings);
        expect(await queue.enqueue(newEvent("one"))).toMatchObject({ status: "accepted" });
      });

      test("rejects while the storage refuses, and takes the sender's repetition when it works again", async () => {
        await harness.refuseWrites(true);
        await expect(queue.enqueue(newEvent("one"))).rejects.toMatchObject({ name: "UpstreamError" });
        const together = await Promise.allSettled([
          queue.enqueue(newEvent("two")),
          queue.enqueue(newEvent("two")),
        ]);
        expect(together.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
        await harness.refuseWrites(false);
        expect(await queue.enqueue(newEvent("one"))).toMatchObject({ status: "accepted" });
        expect(await idsOf({})).toHaveLength(1);
      });

      test("rejects with `closed` after close()", async () => {
        await queue.close();
        await expect(queue.enqueue(newEvent("one"))).rejects.toMatchObject({ code: "closed" });
      });

      test("known() names the dedupe keys that are stored", async () => {
        await store("one");
        await store("two");
        expect(await queue.known(["one", "three", "two"])).toEqual(["one", "two"]);
        expect(await queue.known([])).toEqual([]);
      });

      test("enqueue() recognises what an earlier version stored under another key", async () => {
        const first = await queue.enqueue(newEvent("former"));
        const later = { ...newEvent("present"), formerDedupeKey: "former" };
        expect(await queue.enqueue(later)).toEqual({ status: "duplicate", id: first.id });
        const other = { ...newEvent("present"), formerDedupeKey: "unheard of" };
        expect(await queue.enqueue(other)).toMatchObject({ status: "accepted" });
        expect(await queue.enqueue(other)).toMatchObject({ status: "duplicate" });
      });
    });

    describe("routing", () => {
      test("makes a delivery for each target, and tells it", async () => {
        await reopen(SETTINGS, toTarget("a", "b"));
        const id = await store("one");
        const summary = await queue.get(id);
        expect(summary?.state).toBe("waiting");
        expect(summary?.deliveries.map(({ target, replay, state }) => [target, replay, state])).toEqual([
          ["a", 0, "waiting"],
          ["b", 0, "waiting"],
        ]);
        const routed = seen.find((event) => event.type === "routed");
        expect(routed).toMatchObject({ targets: ["a", "b"], meta: { id } });
      });

      test("keeps an event that no target wants as unmatched, also after a restart with other rules", async () => {
        await reopen(SETTINGS, () => []);
        const id = await store("one");
        expect((await queue.get(id))?.state).toBe("unmatched");
        await reopen(SETTINGS, toTarget("a"));
        await harness.advance(10);
        expect((await queue.get(id))?.state).toBe("unmatched");
        await claimNothing("a");
      });

      test("hands the body to rules that ask for it", async () => {
        const router: Router = async (_meta, body) =>
          Buffer.from(await body()).includes("wanted") ? [{ target: "a", lane: null }] : [];
        await reopen(SETTINGS, router);
        const wanted = await store("one", {}, '{"wanted":1}');
        const other = await store("two", {}, "{}");
        expect((await queue.get(wanted))?.state).toBe("waiting");
        expect((await queue.get(other))?.state).toBe("unmatched");
      });

      test("that fails on one event leaves it visible as unrouted, and the others go on", async () => {
        const router: Router = (meta) => {
          if (meta.deliveryId === "bad") throw new Error("rule is broken");
          return [{ target: "a", lane: null }];
        };
        await reopen(SETTINGS, router);
        const { id } = await queue.enqueue(newEvent("bad"));
        await store("good");
        expect((await queue.get(id))?.state).toBe("unrouted");
        expect(await idsOf({ state: "unrouted" })).toEqual([id]);
        queue.setRouting(toTarget("a"), ["a"]);
        await until(async () => (await queue.get(id))?.state === "waiting");
        await claim("a", 2);
      });

      test("forgets an event that it failed on when that is removed", async () => {
        await reopen(SETTINGS, () => {
          throw new Error("rule is broken");
        });
        const { id } = await queue.enqueue(newEvent("bad"));
        await harness.advance(10);
        expect(await queue.remove(id)).toBe(true);
        await until(async () => (await queue.stats()).events === 0);
        queue.setRouting(toTarget("a"), ["a"]);
        await store("good");
        await claim("a", 1);
      });

      test("finds what was stored before it was set", async () => {
        await queue.close();
        queue = await harness.open(SETTINGS);
        const { id } = await queue.enqueue(newEvent("early"));
        expect((await queue.get(id))?.state).toBe("unrouted");
        queue.setRouting(toTarget("a"), ["a"]);
        const [claimed] = await claim("a", 1);
        expect(claimed?.meta.id).toBe(id);
      });

      test("is not repeated for what was routed: the deliveries of a target that is gone wait for it", async () => {
        await reopen(SETTINGS, toTarget("b"));
        const id = await store("one");
        await reopen(SETTINGS, toTarget("a"), ["a"]);
        await claimNothing("a");
        expect((await queue.get(id))?.state).toBe("waiting");
        expect((await queue.stats()).targets.get("b")?.waiting).toBe(1);
        await reopen(SETTINGS, toTarget("a"), ["a", "b"]);
        await claim("b", 1);
      });
    });

    describe("claim() and settle()", () => {
      test("hand out each delivery once, oldest first, with metadata and the bytes received", async () => {
        const ids = [await store("one"), await store("two"), await store("three")];
        const claims = await claim("a", 3);
        expect(claims.map(({ meta }) => meta.id)).toEqual(ids);
        expect(claims.map(({ body }) => Buffer.from(body).toString())).toEqual([
          '{"key":"one"}',
          '{"key":"two"}',
          '{"key":"three"}',
        ]);
        expect(claims[0]!.delivery).toMatchObject({
          eventId: ids[0],
          target: "a",
          replay: 0,
          attempts: 0,
          firstAttemptAt: null,
          history: [],
        });
        expect((await queue.get(ids[0]!))?.state).toBe("sending");
        await claimNothing("a");
      });

      test("honour the room for first tries and for retries, each for itself", async () => {
        for (let index = 0; index < 4; index++) await store(`k${index}`);
        const first = await claim("a", 2, { first: 2, retry: 100 });
        for (const claimed of first) await retry(claimed, 10);
        await harness.advance(20);
        expect(await queue.claim("a", { first: 0, retry: 0 })).toEqual([]);
        const retries = await claim("a", 1, { first: 0, retry: 1 });
        expect(retries[0]?.delivery.attempts).toBe(1);
        const both = await claim("a", 3, { first: 5, retry: 5 });
        expect(both.map(({ delivery }) => delivery.attempts).sort()).toEqual([0, 0, 1]);
      });

      test("done ends the delivery and keeps the attempt", async () => {
        const id = await store("one");
        const [claimed] = await claim("a", 1);
        const made = attempt(harness.now(), {
          excerpt: "ok",
          steps: [{ name: "x", durationMs: 1, error: null }],
          exchange: {
            request: {
              method: "POST",
              url: "http://bot/hook",
              headers: "x-gitlab-event\na: b",
              omitted: 1,
            },
            answer: { headers: "server: nginx", omitted: 0 },
          },
        });
        await claimed!.settle({ outcome: "done", at: harness.now(), attempt: made });
        const summary = await queue.get(id);
        expect(summary?.state).toBe("done");
        expect(summary?.deliveries[0]).toEqual({
          eventId: id,
          target: "a",
          replay: 0,
          state: "done",
          attempts: 1,
          firstAttemptAt: made.at,
          dueAt: null,
          endedAt: harness.now(),
          reason: null,
          history: [made],
        });
        expect(seen.at(-1)).toMatchObject({ type: "settled", attempt: made, delivery: { state: "done" } });
        await claimNothing("a");
      });

      test("done outlives a restart", async () => {
        const id = await store("one");
        await done((await claim("a", 1))[0]!);
        await reopen();
        expect((await queue.get(id))?.deliveries[0]).toMatchObject({ state: "done", attempts: 1 });
        await claimNothing("a");
      });

      test("retry waits until it is due, counts the attempt, and work is announced then", async () => {
        const id = await store("one");
        await retry((await claim("a", 1))[0]!, 60_000);
        expect((await queue.get(id))?.deliveries[0]).toMatchObject({
          state: "waiting",
          attempts: 1,
          dueAt: harness.now() + 60_000,
          history: [{ status: 503 }],
        });
        const announced: string[] = [];
        queue.onWork((target) => announced.push(target));
        await claimNothing("a");
        await harness.advance(59_000);
        await claimNothing("a");
        announced.length = 0;
        await harness.advance(1100);
        await until(() => announced.includes("a"));
        const [again] = await claim("a", 1);
        expect(again?.delivery).toMatchObject({ attempts: 1, history: [{ status: 503 }] });
        expect(again?.delivery.firstAttemptAt).not.toBeNull();
      });

      test("a due time that a clock put too late comes by the longest wait of the target", async () => {
        const id = await store("one");
        await retry((await claim("a", 1))[0]!, 30 * 86_400_000);
        await reopen();
        const room = { ...ROOM, capMs: 60_000 };
        expect(await queue.claim("a", room)).toEqual([]);
        await harness.advance(59_000);
        expect(await queue.claim("a", room)).toEqual([]);
        await harness.advance(2000);
        expect((await claim("a", 1, room))[0]?.meta.id).toBe(id);
      });

      test("a due time comes by the longest wait of settings that allow less than before", async () => {
        const id = await store("one");
        const wide = { ...ROOM, capMs: 3_600_000 };
        await retry((await claim("a", 1, wide))[0]!, 3_000_000);
        expect(await queue.claim("a", wide)).toEqual([]);
        const room = { ...ROOM, capMs: 60_000 };
        expect(await queue.claim("a", room)).toEqual([]);
        await harness.advance(61_000);
        expect((await claim("a", 1, room))[0]?.meta.id).toBe(id);
      });

      test("dead stands among the dead letters with its reason", async () => {
        const id = await store("one");
        await dead((await claim("a", 1))[0]!);
        const summary = await queue.get(id);
        expect(summary?.state).toBe("dead");
        expect(summary?.deliveries[0]).toMatchObject({ state: "dead", reason: "gone", dueAt: null });
        expect((await queue.stats()).byState.dead).toBe(1);
        await reopen();
        expect((await queue.get(id))?.deliveries[0]).toMatchObject({ state: "dead", reason: "gone" });
        expect(await idsOf({ state: "dead" })).toEqual([id]);
      });

      test("released puts it back without counting an attempt", async () => {
        const id = await store("one");
        const [claimed] = await claim("a", 1);
        await claimed!.settle({ outcome: "released", dueAt: harness.now() + 5000 });
        expect((await queue.get(id))?.deliveries[0]).toMatchObject({
          state: "waiting",
          attempts: 0,
          history: [],
        });
        await claimNothing("a");
        await harness.advance(5100);
        const [again] = await claim("a", 1);
        expect(again?.delivery.attempts).toBe(0);
      });

      test("a second settle() of the same claim changes nothing", async () => {
        const id = await store("one");
        const [claimed] = await claim("a", 1);
        await done(claimed!);
        await dead(claimed!);
        expect((await queue.get(id))?.deliveries[0]).toMatchObject({ state: "done", attempts: 1 });
      });

      test("what was being sent when the process died is sent again", async () => {
        const id = await store("one");
        await claim("a", 1);
        await harness.crash();
        await open();
        const [again] = await claim("a", 1);
        expect(again?.meta.id).toBe(id);
        expect((await queue.stats()).byState.sending).toBe(1);
      });

      test("nothing is handed out while the target is paused, also after a restart", async () => {
        await queue.setPaused("a", true);
        await store("one");
        expect((await queue.stats()).targets.get("a")).toMatchObject({ paused: true, waiting: 1 });
        await claimNothing("a");
        await reopen();
        await claimNothing("a");
        const announced: string[] = [];
        queue.onWork((target) => announced.push(target));
        await queue.setPaused("a", false);
        await until(() => announced.includes("a"));
        await claim("a", 1);
        await reopen();
        expect((await queue.stats()).targets.get("a")?.paused).toBe(false);
      });

      test("a listener that throws disturbs neither the queue nor other listeners", async () => {
        queue.onEvent(() => {
          throw new Error("broken listener");
        });
        queue.onWork(() => {
          throw new Error("broken listener");
        });
        const late: QueueEvent[] = [];
        queue.onEvent((event) => late.push(event));
        const id = await store("one");
        await until(() => late.some((event) => event.type === "routed" && event.meta.id === id));
        await done((await claim("a", 1))[0]!);
        expect(late.map(({ type }) => type)).toEqual(["stored", "routed", "settled"]);
      });

      test("events stored after another are announced to who listens, until he stops", async () => {
        const announced: string[] = [];
        const stop = queue.onWork((target) => announced.push(target));
        await store("one");
        await until(() => announced.includes("a"));
        stop();
        await harness.advance(0);
        announced.length = 0;
        await store("two");
        await harness.advance(10);
        expect(announced).toEqual([]);
      });
    });

    describe("a lane", () => {
      const byProject: Router = (meta): Route[] => [{ target: "a", lane: `p${meta.projectId}` }];

      beforeEach(async () => {
        await reopen(SETTINGS, byProject);
      });

      test("goes strictly one after another; other lanes do not wait for it", async () => {
        const ids = [
          await store("1", { projectId: 1 }),
          await store("2", { projectId: 1 }),
          await store("3", { projectId: 2 }),
        ];
        const claims = await claim("a", 2);
        expect(claims.map(({ meta }) => meta.id)).toEqual([ids[0], ids[2]]);
        await claimNothing("a");
        await done(claims[0]!);
        expect((await claim("a", 1))[0]?.meta.id).toBe(ids[1]);
      });

      test("waits for the retry of its head", async () => {
        const head = await store("1", { projectId: 1 });
        const next = await store("2", { projectId: 1 });
        await retry((await claim("a", 1))[0]!, 10_000);
        await claimNothing("a");
        await harness.advance(10_100);
        const [again] = await claim("a", 1);
        expect(again?.meta.id).toBe(head);
        await done(again!);
        expect((await claim("a", 1))[0]?.meta.id).toBe(next);
      });

      test("goes on after a dead letter, and after its head was removed", async () => {
        await store("1", { projectId: 1 });
        const second = await store("2", { projectId: 1 });
        const third = await store("3", { projectId: 1 });
        const fourth = await store("4", { projectId: 1 });
        await dead((await claim("a", 1))[0]!);
        await queue.remove(second);
        const [claimed] = await claim("a", 1);
        expect(claimed?.meta.id).toBe(third);
        await queue.remove(third);
        expect((await claim("a", 1))[0]?.meta.id).toBe(fourth);
      });

      test("keeps the order of storing through restarts and retries", async () => {
        const ids: string[] = [];
        for (let index = 0; index < 6; index++) ids.push(await store(`k${index}`, { projectId: 1 }));
        const sent: string[] = [];
        for (let index = 0; index < 3; index++) {
          const [claimed] = await claim("a", 1);
          await retry(claimed!, 50);
          await reopen(SETTINGS, byProject);
          await harness.advance(20_000);
          const [again] = await claim("a", 1);
          expect(again?.meta.id).toBe(claimed?.meta.id);
          sent.push(again!.meta.id);
          await done(again!);
        }
        while (sent.length < 6) {
          const [claimed] = await claim("a", 1);
          sent.push(claimed!.meta.id);
          await done(claimed!);
        }
        expect(sent).toEqual(ids);
      });

      test("takes a replay at its end", async () => {
        const first = await store("1", { projectId: 1 });
        await done((await claim("a", 1))[0]!);
        const second = await store("2", { projectId: 1 });
        const third = await store("3", { projectId: 1 });
        await queue.replay(first, null);
        const order: string[] = [];
        for (let index = 0; index < 3; index++) {
          const [claimed] = await claim("a", 1);
          order.push(claimed!.meta.id);
          await claimNothing("a");
          await done(claimed!);
        }
        expect(order).toEqual([second, third, first]);
      });

      test("is counted while something is in it", async () => {
        await store("1", { projectId: 1 });
        await store("2", { projectId: 2 });
        expect((await queue.stats()).targets.get("a")?.lanes).toBe(2);
        for (const claimed of await claim("a", 2)) await done(claimed);
        await until(async () => (await queue.stats()).targets.get("a")?.lanes === 0);
      });
    });

    describe("replay()", () => {
      test("makes a delivery of its own, which no memory of the first one blocks", async () => {
        const id = await store("one");
        await done((await claim("a", 1))[0]!);
        expect(await queue.replay(id, null)).toEqual(["a"]);
        const [first] = await claim("a", 1);
        expect(first!.delivery.replay).toBe(1);
        expect(Buffer.from(first!.body).toString()).toBe('{"key":"one"}');
        expect(seen).toContainEqual({ type: "replayed", id, targets: ["a"] });
        await done(first!);
        await queue.replay(id, null);
        await claim("a", 1);
        const summary = await queue.get(id);
        expect(summary?.deliveries.map(({ replay, state }) => [replay, state])).toEqual([
          [0, "done"],
          [1, "done"],
          [2, "sending"],
        ]);
      });

      test("makes a delivery that waits due now instead of a second one", async () => {
        const id = await store("one");
        await retry((await claim("a", 1))[0]!, 3_600_000);
        await claimNothing("a");
        expect(await queue.replay(id, null)).toEqual(["a"]);
        const [claimed] = await claim("a", 1);
        expect(claimed!.delivery).toMatchObject({ replay: 0, attempts: 1 });
        expect((await queue.get(id))?.deliveries).toHaveLength(1);
        await done(claimed!);
        await harness.advance(3_600_000);
        await claimNothing("a");
        expect((await queue.get(id))?.state).toBe("done");
        expect((await queue.stats()).byState).toEqual({ waiting: 0, sending: 0, done: 1, dead: 0 });
      });

      test("of what waits is due now after a crash, too", async () => {
        const id = await store("one");
        await retry((await claim("a", 1))[0]!, 3_600_000);
        await queue.replay(id, null);
        await harness.crash();
        await open();
        await harness.advance(60_000);
        const [claimed] = await claim("a", 1);
        expect(claimed!.delivery).toMatchObject({ replay: 0, attempts: 1 });
      });

      test("of what waits in a lane keeps the lane's order", async () => {
        await reopen(SETTINGS, () => [{ target: "a", lane: "1" }]);
        const ids = [await store("1"), await store("2"), await store("3")];
        await retry((await claim("a", 1))[0]!, 3_600_000);
        for (const id of ids.toReversed()) await queue.replay(id, null);
        const order: string[] = [];
        for (let index = 0; index < 3; index++) {
          const [claimed] = await claim("a", 1);
          order.push(claimed!.meta.id);
          await claimNothing("a");
          await done(claimed!);
        }
        expect(order).toEqual(ids);
        await claimNothing("a");
      });

      test("does not double what is being sent, or waits for its turn", async () => {
        const id = await store("one");
        expect(await queue.replay(id, null)).toEqual(["a"]);
        const [claimed] = await claim("a", 1);
        expect(await queue.replay(id, ["a"])).toEqual(["a"]);
        await claimNothing("a");
        await done(claimed!);
        await claimNothing("a");
        expect((await queue.get(id))?.deliveries).toHaveLength(1);
      });

      test("to a target that does not exist is refused; what was matched with one goes to the others", async () => {
        await reopen(SETTINGS, toTarget("a", "b"));
        const id = await store("one");
        for (const target of ["a", "b"]) await done((await claim(target, 1))[0]!);
        queue.setRouting(toTarget("b"), ["b"]);
        await expect(queue.replay(id, ["a"])).rejects.toMatchObject({ code: "unknown-target", target: "a" });
        expect(await queue.replay(id, null)).toEqual(["b"]);
      });

      test("is durable when it resolves", async () => {
        const id = await store("one");
        await done((await claim("a", 1))[0]!);
        await queue.replay(id, null);
        await harness.crash();
        await open();
        await until(async () => {
          const claims = await queue.claim("a", ROOM);
          for (const claimed of claims) await done(claimed);
          return claims.some(({ delivery }) => delivery.replay === 1);
        });
      });

      test("goes to the targets that are named, matched or not; unknown events give null", async () => {
        const id = await store("one");
        expect(await queue.replay(id, ["b"])).toEqual(["b"]);
        expect((await claim("b", 1))[0]?.delivery).toMatchObject({ eventId: id, replay: 1 });
        expect(await queue.replay("01kf0000000000000000000000", null)).toBeNull();
        expect(await queue.replay("nonsense", null)).toBeNull();
      });

      test("of an event that nothing matched goes nowhere", async () => {
        await reopen(SETTINGS, () => []);
        const id = await store("one");
        expect(await queue.replay(id, null)).toEqual([]);
        expect((await queue.get(id))?.deliveries).toEqual([]);
      });
    });

    describe("replay() of an event that is not matched yet", () => {
      /** Rules that fail until they are mended; target "a" has a lane for each project. */
      const ordered = (router: Router): Router =>
        Object.assign(router, {
          laneOf: (meta: EventMeta, target: string) => (target === "a" ? `p${meta.projectId}` : null),
        });
      const broken = ordered((meta) => {
        if (meta.deliveryId === "bad") throw new Error("rule is broken");
        return [{ target: "a", lane: `p${meta.projectId}` }];
      });
      const mended = ordered((meta) => [
        { target: "a", lane: `p${meta.projectId}` },
        { target: "b", lane: null },
      ]);

      beforeEach(async () => {
        await reopen(SETTINGS, broken);
      });

      test("takes its place in the target's lane", async () => {
        const first = await store("good", { projectId: 7 });
        const { id } = await queue.enqueue(newEvent("bad", { projectId: 7, receivedAt: harness.now() }));
        expect(await queue.replay(id, ["a"])).toEqual(["a"]);
        const [head] = await claim("a", 1);
        expect(head?.meta.id).toBe(first);
        await claimNothing("a");
        await done(head!);
        expect((await claim("a", 1))[0]?.meta.id).toBe(id);
      });

      test("leaves the matching to come: its other targets get it, and this one no second time", async () => {
        const { id } = await queue.enqueue(newEvent("bad", { projectId: 7, receivedAt: harness.now() }));
        await queue.replay(id, ["a"]);
        expect((await queue.get(id))?.state).toBe("unrouted");
        expect(await idsOf({ state: "unrouted" })).toEqual([id]);
        queue.setRouting(mended, ["a", "b"]);
        const [toB] = await claim("b", 1);
        expect(toB?.meta.id).toBe(id);
        const [toA] = await claim("a", 1);
        expect(toA?.delivery.replay).toBe(1);
        await done(toA!);
        await claimNothing("a");
        await done(toB!);
        expect((await queue.get(id))?.state).toBe("done");
        expect((await queue.stats()).byState).toEqual({ waiting: 0, sending: 0, done: 2, dead: 0 });
      });

      test.each(["done", "dead"] as const)(
        "does not end it when the replay is %s: it is matched after a crash, and retention leaves it",
        async (outcome) => {
          const retain = { deliveredSeconds: 1, deliveredBytes: 0, deadSeconds: 1 };
          await reopen({ ...SETTINGS, retain }, broken);
          const { id } = await queue.enqueue(newEvent("bad", { projectId: 7, receivedAt: harness.now() }));
          await queue.replay(id, ["a"]);
          await (outcome === "done" ? done : dead)((await claim("a", 1))[0]!);
          await harness.advance(2000);
          expect(await queue.expire()).toBe(0);
          expect((await queue.get(id))?.state).toBe("unrouted");
          await queue.close();
          await harness.crash();
          await open({ ...SETTINGS, retain }, mended);
          const [toB] = await claim("b", 1);
          expect(toB?.meta.id).toBe(id);
          await done(toB!);
          await claimNothing("a");
          await until(async () => (await queue.get(id))?.state === outcome);
        },
      );
    });

    describe("a replay of a set of dead letters", () => {
      test("replays the dead letters that fit, once", async () => {
        await reopen(SETTINGS, toTarget("a", "b"));
        const one = await store("one", { projectPath: "acme/one" });
        await store("two", { projectPath: "acme/two" });
        for (const claimed of await claim("a", 2)) await dead(claimed);
        for (const claimed of await claim("b", 2)) await dead(claimed);
        expect((await queue.stats()).byState.dead).toBe(4);
        expect(await replayDead({ target: "b", project: "acme/one" })).toBe(1);
        expect((await claim("b", 1))[0]?.meta.id).toBe(one);
        expect(await replayDead({})).toBe(3);
        expect(await replayDead({})).toBe(0);
        expect((await queue.stats()).byState.dead).toBe(0);
        await claim("a", 2);
        await claim("b", 1);
      });

      test("leaves the dead letters of a target that does not exist", async () => {
        await store("one");
        await dead((await claim("a", 1))[0]!);
        queue.setRouting(toTarget("b"), ["b"]);
        expect(await replayDead({})).toBe(0);
        expect((await queue.stats()).byState.dead).toBe(1);
        queue.setRouting(toTarget("a"), ["a", "b"]);
        expect(await replayDead({})).toBe(1);
      });

      test.each([
        ["with lanes", "1"],
        ["without lanes", null],
      ])("goes oldest first, %s, over many pages", async (_claim, lane) => {
        await reopen(SETTINGS, () => [{ target: "a", lane }]);
        const ids: string[] = [];
        for (let index = 0; index < 230; index++) ids.push(await store(`event ${index}`));
        for (let left = ids.length; left > 0;) {
          const claims = await queue.claim("a", { first: 1, retry: 1 });
          for (const claimed of claims) await dead(claimed);
          left -= claims.length;
        }
        expect(await replayDead({})).toBe(230);
        const order: string[] = [];
        while (order.length < ids.length) {
          for (const claimed of await queue.claim("a", { first: 1, retry: 1 })) {
            order.push(claimed.meta.id);
            await done(claimed);
          }
        }
        expect(order).toEqual(ids);
      });

      test("counts again what dies again", async () => {
        const id = await store("one");
        await dead((await claim("a", 1))[0]!);
        await replayDead({});
        await dead((await claim("a", 1))[0]!);
        expect((await queue.stats()).byState.dead).toBe(1);
        await reopen();
        expect((await queue.stats()).byState.dead).toBe(1);
        expect((await queue.get(id))?.deliveries.map(({ state }) => state)).toEqual(["dead", "dead"]);
        expect(await replayDead({})).toBe(1);
      });
    });

    describe("a replay of a set", () => {
      test("takes the deliveries in the state that is asked for, or goes to exactly the targets named", async () => {
        const [one, two] = [await store("1"), await store("2")];
        for (const claimed of await claim("a", 2)) await done(claimed);
        expect(await replaySet(queue, { state: "done" })).toBe(2);
        expect((await claim("a", 2)).map(({ meta }) => meta.id)).toEqual([one, two]);
        expect(await replaySet(queue, {}, ["b"])).toBe(2);
        expect((await claim("b", 2)).map(({ meta }) => meta.id)).toEqual([one, two]);
        expect(await replaySet(queue, { state: "unmatched" })).toBe(0);
      });
    });

    describe("orphans", () => {
      const DAY_MS = 86_400_000;

      test("are counted under their target, which does not exist", async () => {
        await store("one");
        queue.setRouting(toTarget("b"), ["b"]);
        const { targets, oldestWaitingAt } = await queue.stats();
        expect(targets.get("a")).toMatchObject({ waiting: 1, exists: false });
        expect(targets.get("b")?.exists ?? true).toBe(true);
        expect(oldestWaitingAt).not.toBeNull();
      });

      test.each([
        ["with lanes", "7"],
        ["without lanes", null],
      ])(
        "move() sends what waits and what is dead to another target, oldest first, %s",
        async (_claim, lane) => {
          await reopen(SETTINGS, () => [{ target: "a", lane }]);
          const ids: string[] = [];
          for (let index = 0; index < 130; index++) ids.push(await store(`event ${index}`));
          await done((await claim("a", 1, { first: 1, retry: 0 }))[0]!);
          await dead((await claim("a", 1, { first: 1, retry: 0 }))[0]!);
          await retry((await claim("a", 1, { first: 1, retry: 0 }))[0]!, 3_600_000);
          queue.setRouting(toTarget("b"), ["b"]);
          expect(await queue.move("a", "b")).toBe(129);
          expect(await queue.move("a", "b")).toBe(0);
          const order: string[] = [];
          while (order.length < 129) {
            for (const claimed of await queue.claim("b", { first: 1, retry: 1 })) {
              order.push(claimed.meta.id);
              await done(claimed);
            }
          }
          expect(order).toEqual(ids.slice(1));
          await claimNothing("b");
          const stats = await queue.stats();
          expect(stats.byState).toEqual({ waiting: 0, sending: 0, done: 130, dead: 0 });
          expect(stats.targets.get("a") ?? { waiting: 0, lanes: 0 }).toMatchObject({ waiting: 0, lanes: 0 });
          expect(stats.targets.get("b")?.lanes).toBe(0);
          const summary = await queue.get(ids[1]!);
          expect(summary?.state).toBe("done");
          expect(summary?.deliveries.map(({ target, state, movedTo }) => [target, state, movedTo])).toEqual([
            ["a", "dead", "b"],
            ["b", "done", undefined],
          ]);
          expect(await idsOf({ state: "dead" })).toEqual([]);
        },
      );

      test("move() is durable, and what was moved does not come back when its target does", async () => {
        const id = await store("one");
        await retry((await claim("a", 1))[0]!, 1000);
        queue.setRouting(toTarget("b"), ["b"]);
        await queue.move("a", "b");
        await harness.crash();
        await open(SETTINGS, toTarget("b"), ["a", "b"]);
        await harness.advance(60_000);
        await done((await claim("b", 1))[0]!);
        await claimNothing("a");
        expect((await queue.get(id))?.state).toBe("done");
        expect((await queue.stats()).byState).toMatchObject({ waiting: 0, dead: 0 });
      });

      test("move() moves a replayed dead letter once", async () => {
        await store("one");
        await dead((await claim("a", 1))[0]!);
        await replayDead({});
        queue.setRouting(toTarget("b"), ["b"]);
        expect(await queue.move("a", "b")).toBe(1);
        await done((await claim("b", 1))[0]!);
        expect((await queue.stats()).byState).toMatchObject({ waiting: 0, dead: 0 });
        expect(await idsOf({ state: "dead" })).toEqual([]);
      });

      test("move() refuses a target that is in use, and one that does not exist", async () => {
        await expect(queue.move("a", "b")).rejects.toMatchObject({ code: "target-exists", target: "a" });
        await expect(queue.move("old", "new")).rejects.toMatchObject({
          code: "unknown-target",
          target: "new",
        });
        expect(await queue.move("old", "b")).toBe(0);
      });

      test("move() makes no second delivery where the other target has one open", async () => {
        await reopen(SETTINGS, toTarget("a", "b"));
        const id = await store("one");
        queue.setRouting(toTarget("b"), ["b"]);
        expect(await queue.move("a", "b")).toBe(1);
        await done((await claim("b", 1))[0]!);
        await claimNothing("b");
        expect((await queue.get(id))?.state).toBe("done");
      });

      test("become dead letters with the reason once they are three days old; others wait", async () => {
        const old = await store("old");
        await retry((await claim("a", 1))[0]!, 30 * DAY_MS);
        await harness.advance(2 * DAY_MS);
        const young = await store("young");
        queue.setRouting(toTarget("b"), ["b"]);
        await harness.advance(1.5 * DAY_MS);
        await queue.expire();
        expect(await queue.get(old)).toMatchObject({
          state: "dead",
          deliveries: [
            { state: "dead", attempts: 1, reason: expect.stringContaining('"a" does not exist') as string },
          ],
        });
        expect((await queue.get(young))?.state).toBe("waiting");
        expect((await queue.stats()).targets.get("a")).toMatchObject({ waiting: 1, dead: 1, exists: false });
        queue.setRouting(toTarget("a"), ["a"]);
        expect(await replayDead({})).toBe(1);
        expect((await claim("a", 2)).map(({ meta }) => meta.id).toSorted()).toEqual([old, young].toSorted());
      });
    });

    describe("remove()", () => {
      test("takes the event away, for good; its delivery stays remembered", async () => {
        const id = await store("one");
        const other = await store("two");
        expect(await queue.remove(id)).toBe(true);
        expect(await queue.remove(id)).toBe(false);
        expect(await queue.get(id)).toBeNull();
        expect(await queue.body(id)).toBeNull();
        expect(await idsOf({})).toEqual([other]);
        expect(seen).toContainEqual({ type: "removed", id });
        expect(await queue.enqueue(newEvent("one"))).toEqual({ status: "duplicate", id });
        await reopen();
        expect(await queue.get(id)).toBeNull();
        expect(await queue.enqueue(newEvent("one"))).toEqual({ status: "duplicate", id });
        expect((await claim("a", 1))[0]?.meta.id).toBe(other);
        expect((await queue.stats()).events).toBe(1);
      });

      test("ends a claim that is under way", async () => {
        const id = await store("one");
        const [claimed] = await claim("a", 1);
        await queue.remove(id);
        await until(() => claimed!.lost.aborted);
        await done(claimed!);
        expect(await queue.stats()).toMatchObject({
          events: 0,
          byState: { waiting: 0, sending: 0, done: 0, dead: 0 },
        });
      });
    });

    describe("find()", () => {
      const EVENT_UUID = "13792a34-cac6-4fda-95a8-c58e00a3954e";
      const withIds = (key: string, ids: Readonly<Record<string, string>>): Promise<string> =>
        store(key, { deliveryId: key, headers: Object.entries(ids) });
      const found = async (id: string): Promise<string[]> =>
        (await queue.find(id)).map(({ meta }) => meta.id);

      test("finds an event by its id and by each id that GitLab gave it, in any case and with space around it", async () => {
        await store("other");
        const id = await withIds("b4d8e7a2-7d0c-4f4e-9b57-2f3a6c1d0e99", {
          "idempotency-key": "b4d8e7a2-7d0c-4f4e-9b57-2f3a6c1d0e99",
          "x-gitlab-event-uuid": EVENT_UUID,
          "x-gitlab-webhook-uuid": "8A4C1E55-0000-4111-8222-ABCDEFABCDEF",
        });
        for (const text of [
          id,
          ` ${id.toUpperCase()} `,
          "B4D8E7A2-7d0c-4f4e-9b57-2f3a6c1d0e99",
          `\t${EVENT_UUID}\n`,
          "8a4c1e55-0000-4111-8222-abcdefabcdef",
        ])
          expect([text, await found(text)]).toEqual([text, [id]]);
        for (const text of ["", " ", EVENT_UUID.slice(1), `${EVENT_UUID} ${EVENT_UUID}`, "x".repeat(10_000)])
          expect(await found(text)).toEqual([]);
      });

      test("finds all events that share an id, newest first", async () => {
        const first = await withIds("one", { "x-gitlab-event-uuid": EVENT_UUID });
        const second = await withIds("two", { "x-gitlab-event-uuid": EVENT_UUID.toUpperCase() });
        expect(await found(EVENT_UUID)).toEqual([second, first]);
        await queue.remove(second);
        expect(await found(EVENT_UUID)).toEqual([first]);
      });

      test("finds it after a restart and after a crash, matched or not", async () => {
        const matched = await withIds("one", { "x-gitlab-event-uuid": EVENT_UUID });
        await reopen(SETTINGS, () => {
          throw new Error("rule is broken");
        });
        const { id: unmatched } = await queue.enqueue(newEvent("two", { receivedAt: harness.now() }));
        expect([await found(EVENT_UUID), await found("two")]).toEqual([[matched], [unmatched]]);
        await queue.close();
        await harness.crash();
        await open();
        await until(async () => (await found("two")).length > 0);
        expect([await found(EVENT_UUID), await found("two")]).toEqual([[matched], [unmatched]]);
      });

      test("takes no event for another whose id has the same number", async () => {
        const [one, other] = ["f166716e3418", "8e88fe29cb3a"] as const;
        expect(numberOfId(one)).toBe(numberOfId(other));
        const id = await store(one);
        expect([await found(one), await found(other)]).toEqual([[id], []]);
      });

      test("forgets what retention removes", async () => {
        await reopen({ ...SETTINGS, retain: { ...SETTINGS.retain, deliveredSeconds: 1 } });
        const id = await withIds("one", { "x-gitlab-event-uuid": EVENT_UUID });
        await done((await claim("a", 1))[0]!);
        expect(await found("one")).toEqual([id]);
        await harness.advance(2000);
        expect(await queue.expire()).toBe(1);
        expect([await found("one"), await found(EVENT_UUID), await found(id)]).toEqual([[], [], []]);
      });
    });

    describe("list()", () => {
      test("goes through all pages, newest first, nothing twice and nothing left out", async () => {
        const ids: string[] = [];
        for (let index = 0; index < 25; index++) ids.push(await store(`k${index}`));
        const page = await queue.list({}, 10, null);
        expect(page.events.map(({ meta }) => meta.id)).toEqual(ids.toReversed().slice(0, 10));
        expect([page.partial, page.looked]).toEqual([false, 10]);
        expect((await queue.list({ text: "no such word" }, 10, null)).looked).toBe(25);
        expect(await idsOf({}, 10)).toEqual(ids.toReversed());
        expect(await idsOf({}, 25)).toEqual(ids.toReversed());
        expect(await idsOf({}, 1)).toEqual(ids.toReversed());
      });

      test("oldest first: all pages, a filter, and behind an event that has gone", async () => {
        const ids: string[] = [];
        for (let index = 0; index < 6; index++)
          ids.push(await store(`k${index}`, { kind: index % 2 === 0 ? "push" : "issue" }));
        for (const limit of [1, 4, 6, 50]) expect(await idsOf({}, limit, "oldest")).toEqual(ids);
        expect(await idsOf({ kind: "issue" }, 2, "oldest")).toEqual([ids[1], ids[3], ids[5]]);
        const { cursor } = await queue.list({}, 2, null, "oldest");
        await queue.remove(ids[1]!);
        const late = await store("late");
        const rest = await queue.list({}, 50, cursor, "oldest");
        expect(rest.events.map(({ meta }) => meta.id)).toEqual([...ids.slice(2), late]);
        expect(rest.cursor).toBeNull();
      });

      test("goes on behind the cursor when events came and went meanwhile", async () => {
        const ids: string[] = [];
        for (let index = 0; index < 6; index++) ids.push(await store(`k${index}`));
        const page = await queue.list({}, 2, null);
        expect(page.events.map(({ meta }) => meta.id)).toEqual([ids[5], ids[4]]);
        await queue.remove(ids[4]!);
        await queue.remove(ids[2]!);
        await store("late");
        const rest = await queue.list({}, 10, page.cursor);
        expect(rest.events.map(({ meta }) => meta.id)).toEqual([ids[3], ids[1], ids[0]]);
        expect(rest.cursor).toBeNull();
      });

      test("filters by kind, project, action, actor, text and time", async () => {
        const push = await store("one", {
          kind: "push",
          eventName: "push",
          projectId: 1,
          projectPath: "acme/one",
        });
        const merge = await store("two", {
          kind: "merge_request",
          eventName: null,
          action: "open",
          actor: "Grace",
          projectId: 2,
          projectPath: "acme/two",
        });
        expect(await idsOf({ kind: "push" })).toEqual([push]);
        expect(await idsOf({ kind: "merge_request" })).toEqual([merge]);
        expect(await idsOf({ kind: "no_such_kind" })).toEqual([]);
        expect(await idsOf({ project: "acme/two" })).toEqual([merge]);
        expect(await idsOf({ project: "1" })).toEqual([push]);
        expect(await idsOf({ project: "acme" })).toEqual([]);
        expect(await idsOf({ action: "open" })).toEqual([merge]);
        expect(await idsOf({ actor: "Grace" })).toEqual([merge]);
        expect(await idsOf({ text: "gRACE" })).toEqual([merge]);
        expect(await idsOf({ text: "acme" })).toEqual([merge, push]);
        const [first, second] = [await queue.get(push), await queue.get(merge)];
        expect(await idsOf({ to: first!.meta.receivedAt })).toEqual([push]);
        expect(await idsOf({ from: second!.meta.receivedAt })).toEqual([merge]);
        expect(await idsOf({ kind: "push", project: "acme/two" })).toEqual([]);
        expect(await idsOf({ kind: ["push", "merge_request"] })).toEqual([merge, push]);
        expect(await idsOf({ project: "acme/**" })).toEqual([merge, push]);
        expect(await idsOf({ project: ["acme/**", "!acme/two"] })).toEqual([push]);
        expect(await idsOf({ text: "grace two" })).toEqual([merge]);
        expect(await idsOf({ text: "grace one" })).toEqual([]);
      });

      test("filters by several states and by the last answer, of the same delivery", async () => {
        await reopen(SETTINGS, toTarget("a", "b"));
        const [first, second, third] = [await store("1"), await store("2"), await store("3")];
        const [one, two] = await claim("a", 3);
        await done(one!);
        await dead(two!);
        expect(await idsOf({ state: ["dead", "done"] })).toEqual([second, first]);
        expect(await idsOf({ state: ["done", "unmatched"] })).toEqual([first]);
        expect(await idsOf({ status: "410" })).toEqual([second]);
        expect(await idsOf({ status: ["2xx", "none"] })).toEqual([first]);
        expect(await idsOf({ status: "4xx", target: "b" })).toEqual([]);
        expect(await idsOf({ status: "2xx", state: "dead" })).toEqual([]);
        await queue.setPaused("a", true);
        expect(await replaySet(queue, { state: ["done", "dead"], status: "2xx" })).toBe(1);
        expect(await idsOf({ state: "dead" })).toEqual([second]);
        await reopen(SETTINGS, toTarget("a", "b"));
        expect(await idsOf({ status: "410" })).toEqual([second]);
        expect(await idsOf({ state: "waiting", target: "b" })).toEqual([third, second, first]);
      });

      test("filters by state and target, of the same delivery where both are asked", async () => {
        await reopen(SETTINGS, (meta) => {
          const targets = meta.kind === "push" ? ["a", "b"] : meta.kind === "note" ? ["b"] : [];
          return targets.map((target) => ({ target, lane: null }));
        });
        const push = await store("one", { kind: "push" });
        const note = await store("two", { kind: "note" });
        const wiki = await store("three", { kind: "wiki_page" });
        await done((await claim("a", 1))[0]!);
        const atB = await claim("b", 2);
        await dead(atB[1]!);
        expect(await idsOf({ state: "done" })).toEqual([push]);
        expect(await idsOf({ state: "sending" })).toEqual([push]);
        expect(await idsOf({ state: "dead" })).toEqual([note]);
        expect(await idsOf({ state: "unmatched" })).toEqual([wiki]);
        expect(await idsOf({ target: "b" })).toEqual([note, push]);
        expect(await idsOf({ target: "b", state: "done" })).toEqual([]);
        expect(await idsOf({ target: "a", state: "done" })).toEqual([push]);
        expect(await idsOf({ target: "nobody" })).toEqual([]);
        await reopen();
        expect(await idsOf({ target: "b", state: "dead" })).toEqual([note]);
        expect(await idsOf({ state: "unmatched" })).toEqual([wiki]);
        expect(await idsOf({ kind: "note" })).toEqual([note]);
      });

      test("shows each event with its state and its deliveries", async () => {
        const id = await store("one");
        await dead((await claim("a", 1))[0]!);
        const { events } = await queue.list({}, 10, null);
        expect(events).toEqual([await queue.get(id)]);
      });
    });

    describe("stats()", () => {
      test("counts deliveries by state and target, and knows the oldest that waits", async () => {
        await reopen(SETTINGS, toTarget("a", "b"));
        await store("one");
        const second = await store("two");
        await store("three");
        const [one, two] = await claim("a", 3);
        await done(one!);
        await retry(two!, 1000);
        await until(async () => (await queue.stats()).targets.get("a")?.waiting === 1);
        const secondAt = (await queue.get(second))!.meta.receivedAt;
        const stats = await queue.stats();
        expect(stats.events).toBe(3);
        expect(stats.byState).toEqual({ waiting: 4, sending: 1, done: 1, dead: 0 });
        expect(stats.targets.get("a")).toEqual({
          deadReasons: new Map(),
          waiting: 1,
          sending: 1,
          dead: 0,
          lanes: 0,
          paused: false,
          exists: true,
          oldestAt: secondAt,
        });
        expect(stats.oldestWaitingAt).toBe(stats.targets.get("b")!.oldestAt);
        expect(stats.bytes).toBeGreaterThan(0);
        expect(stats.remembered).toBe(3);
      });

      test("is the same after a restart, except that nothing is being sent", async () => {
        for (const key of ["one", "two", "three", "four"]) await store(key);
        const [one, two, three] = await claim("a", 4);
        await done(one!);
        await dead(two!);
        await retry(three!, 1000);
        await reopen();
        expect((await queue.stats()).byState).toEqual({ waiting: 2, sending: 0, done: 1, dead: 1 });
        expect((await queue.stats()).events).toBe(4);
      });

      test("oldestAt goes back where an old event is replayed", async () => {
        const old = await store("old");
        await done((await claim("a", 1))[0]!);
        await store("new");
        await queue.replay(old, null);
        await until(async () => (await queue.stats()).targets.get("a")?.waiting === 2);
        expect((await queue.stats()).targets.get("a")?.oldestAt).toBe(
          (await queue.get(old))!.meta.receivedAt,
        );
      });
    });

    describe("dead letters by reason, and events by kind", () => {
      const UNSENT = "body.title: No such key";
      const failures: readonly Partial<Attempt>[] = [
        { status: 410, error: "answered 410" },
        { status: 418, error: "answered 418" },
        { status: 302, error: "answered 302, a redirect" },
        { status: null, error: "no answer within 10 s" },
        { status: null, error: "connect ECONNREFUSED 127.0.0.1:1" },
        { status: null, error: UNSENT },
      ];
      /** What stats() should say, counted from every event. */
      const recount = async (): Promise<Record<string, Record<string, number>>> => {
        const counts: Record<string, Record<string, number>> = {};
        for (const id of await idsOf({})) {
          const event = await queue.get(id);
          for (const delivery of standingDeliveries(event?.deliveries ?? [])) {
            if (delivery.state !== "dead") continue;
            const ofTarget = (counts[delivery.target] ??= {});
            const reason = deadReasonOf(delivery);
            ofTarget[reason] = (ofTarget[reason] ?? 0) + 1;
          }
        }
        return counts;
      };
      const kinds: readonly Partial<EventMeta>[] = [
        { kind: "issue" },
        { kind: null, eventName: "user_create" },
        { kind: null, eventName: null },
        { header: '"kind":"push","eventName":null', kind: "note" },
      ];
      const recountKinds = async (): Promise<KindCounts> => {
        const counts = new Map<string, number>();
        for (const { meta } of (await queue.list({}, 1000, null)).events) {
          const kind = meta.kind ?? meta.eventName;
          if (kind !== null) counts.set(kind, (counts.get(kind) ?? 0) + 1);
        }
        return { counts, isWhole: true };
      };
      const counted = async (): Promise<Record<string, Record<string, number>>> => {
        const { targets } = await queue.stats();
        for (const { dead: total, deadReasons } of targets.values())
          expect([...deadReasons.values()].reduce((sum, count) => sum + count, 0)).toBe(total);
        return Object.fromEntries(
          [...targets].flatMap(([target, { deadReasons }]) =>
            deadReasons.size === 0 ? [] : [[target, Object.fromEntries(deadReasons)]],
          ),
        );
      };

      test.each([1, 2, 3])("are what a full recount says, whatever happened (seed %i)", async (seed) => {
        const random = seeded(seed);
        const pick = <T>(values: readonly T[]): T => values[random.below(values.length)]!;
        const settings = { ...SETTINGS, retain: { ...SETTINGS.retain, deadSeconds: 60 } };
        const restart = (): Promise<void> => reopen(settings, toTarget("a", "b"));
        await restart();
        const settleSome = async (): Promise<void> => {
          for (const claimed of await queue.claim(pick(["a", "b"]), { first: 3, retry: 3 })) {
            const at = harness.now();
            const failed = attempt(at, pick(failures));
            if (random.below(5) === 0) await done(claimed);
            else {
              const isRetried = failed.status === null && failed.error !== UNSENT;
              const reason = isRetried ? `gave up after 3 attempts: ${failed.error}` : failed.error!;
              await claimed.settle({ outcome: "dead", at, attempt: failed, reason });
            }
          }
        };
        let key = 0;
        const met = new Set<string>();
        const steps: readonly (() => Promise<unknown>)[] = [
          () => store(`s${seed}-${key++}`),
          () => store(`s${seed}-${key++}`, pick(kinds)),
          settleSome,
          settleSome,
          settleSome,
          async () => queue.replay(pick([...(await idsOf({})), "none"]), [pick(["a", "b"])]),
          () => replaySet(queue, { state: "dead", target: pick(["a", "b"]) }),
          async () => queue.remove(pick([...(await idsOf({ state: "dead" })), "none"])),
          async () => {
            queue.setRouting(toTarget("a"), ["a"]);
            await queue.move("b", "a");
            queue.setRouting(toTarget("a", "b"), ["a", "b"]);
          },
          async () => {
            await harness.advance(20_000);
            await queue.expire();
          },
          restart,
        ];
        for (let step = 0; step < 60; step++) {
          await pick(steps)();
          if (step % 6 !== 5) continue;
          const now = await counted();
          expect([step, now]).toEqual([step, await recount()]);
          expect([step, await queue.kinds()]).toEqual([step, await recountKinds()]);
          for (const reasons of Object.values(now)) for (const reason in reasons) met.add(reason);
        }
        expect(met.size).toBeGreaterThan(2);
      });
    });

    describe("expire()", () => {
      test("removes delivered and unmatched events by age; what waits and dead letters stay", async () => {
        await reopen(SETTINGS, (meta) => (meta.kind === "push" ? [{ target: "a", lane: null }] : []));
        await store("delivered");
        await store("unmatched", { kind: "note" });
        await store("dead");
        const waiting = await store("waiting");
        const [one, two] = await claim("a", 3);
        await done(one!);
        await dead(two!);
        expect(await queue.expire()).toBe(0);
        await harness.advance(86_500_000);
        expect(await queue.expire()).toBe(2);
        expect(await idsOf({})).toEqual([waiting, two!.meta.id]);
        expect(await queue.enqueue(newEvent("delivered"))).toMatchObject({ status: "duplicate" });
        await harness.crash();
        await open();
        expect(await queue.enqueue(newEvent("delivered"))).toMatchObject({ status: "duplicate" });
        expect(await queue.enqueue(newEvent("unmatched"))).toMatchObject({ status: "duplicate" });
      });

      test("removes dead letters by their own age", async () => {
        const settings = { ...SETTINGS, retain: { ...SETTINGS.retain, deadSeconds: 2 * 86_400 } };
        await reopen(settings);
        const id = await store("dead");
        await dead((await claim("a", 1))[0]!);
        await harness.advance(2 * 86_400_000 - 60_000);
        expect(await queue.expire()).toBe(0);
        await harness.advance(120_000);
        expect(await queue.expire()).toBe(1);
        expect(await queue.get(id)).toBeNull();
        expect((await queue.stats()).byState.dead).toBe(0);
      });

      test("removes delivered events beyond their bytes, the oldest first", async () => {
        const settings = { ...SETTINGS, retain: { ...SETTINGS.retain, deliveredBytes: 25_000 } };
        await reopen(settings);
        const ids: string[] = [];
        for (let index = 0; index < 4; index++) {
          ids.push(await store(`k${index}`, {}, JSON.stringify({ text: "x".repeat(10_000) })));
        }
        const [first, , third, fourth] = await claim("a", 4);
        for (const claimed of [fourth!, third!, first!]) await done(claimed);
        expect(await queue.expire()).toBe(1);
        expect(await idsOf({})).toEqual([ids[3], ids[2], ids[1]]);
      });
    });

    describe("checks()", () => {
      test("say that the storage can be written", async () => {
        await queue.selfCheck();
        const checks = queue.checks();
        expect(checks.length).toBeGreaterThan(0);
        expect(checks.filter(({ ok }) => !ok)).toEqual([]);
        for (const check of checks) expect(check.name).toMatch(/^[a-z][a-z-]*$/);
      });

      test("say no at once when an event was refused, and yes again by themselves", async () => {
        await harness.refuseWrites(true);
        await expect(queue.enqueue(newEvent("refused"))).rejects.toMatchObject({ retryable: true });
        expect(queue.checks().some(({ ok }) => !ok)).toBe(true);
        await harness.refuseWrites(false);
        await until(async () => {
          await queue.selfCheck();
          return queue.checks().every(({ ok }) => ok);
        });
      });

      test("compact() leaves everything as it is", async () => {
        const id = await store("one");
        await queue.compact();
        expect((await queue.get(id))?.meta.id).toBe(id);
      });

      test("close() may be called again", async () => {
        await queue.close();
        await queue.close();
      });
    });
  });
}

/** A router that sends everything to these targets, in no lane. */
export function toTarget(...targets: string[]): Router {
  return () => targets.map((target) => ({ target, lane: null }));
}

/** Resolves once it is true; looks again whenever what is pending in this process has had its turn. */
export async function until(condition: () => boolean | Promise<boolean>, limitMs = 90_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`Not true within ${limitMs} ms: ${condition.toString()}`);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
