/** A hundred thousand events: lists stay quick, memory stays flat, a target that is down costs nothing but its own. */
import { beforeAll, describe, expect, test } from "vitest";
import type { Queue } from "../../../../relay/queue/queue.ts";
import { createFilesRig, type FilesRig } from "../../../helpers/local-queue.ts";
import { usedBytes } from "../../../helpers/memory.ts";
import { attempt, newEvent, until } from "../../../helpers/queue-contract.ts";

const COUNT = 100_000;
const HOUR = 3_600_000;
const toBoth = [
  { target: "a", lane: null },
  { target: "b", lane: null },
];

async function fill(queue: Queue, count: number, from = 0): Promise<void> {
  for (let index = from; index < from + count; index += 1000) {
    await Promise.all(
      Array.from({ length: Math.min(1000, from + count - index) }, (_, offset) => {
        const number = index + offset;
        return queue.enqueue(
          newEvent(`k${number}`, {
            kind: number % 10 === 0 ? "merge_request" : "push",
            actor: `user${number}`,
            projectId: number % 500,
            projectPath: `acme/p${number % 500}`,
          }),
        );
      }),
    );
  }
}

/** Time of the processor, as other programs run beside the tests: with nothing to wait for it is the time of the clock. */
function processorMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

describe("100,000 events that are kept", () => {
  let rig: FilesRig;
  let queue: Queue;

  beforeAll(async () => {
    rig = createFilesRig();
    queue = await rig.open((meta) => (meta.kind === "push" ? toBoth : []));
    await fill(queue, COUNT);
    await until(async () => (await queue.stats()).byState.waiting === COUNT * 1.8, 60_000);
    return () => queue.close();
  });

  test("find() reads no event but the one that has the id", async () => {
    const before = rig.disk.reads.start;
    expect((await queue.find("K77777")).map(({ meta }) => meta.actor)).toEqual(["user77777"]);
    expect(await queue.find("k100000")).toEqual([]);
    expect(rig.disk.reads.start - before).toBe(1);
  });

  test.each([
    ["everything", {}],
    ["a kind", { kind: "merge_request" }],
    ["a project", { project: "acme/p7" }],
    ["a state that none is in", { state: "dead" }],
    ["a target that none goes to", { target: "c" }],
    ["what nothing matched", { state: "unmatched" }],
    ["a kind and a project that do not meet", { kind: "merge_request", project: "acme/p7" }],
    ["a time before the first", { to: 1 }],
  ] as const)(
    "list() answers within 200 ms for %s, on the first page and far down",
    async (_name, filter) => {
      const times: number[] = [];
      const bodiesRead = rig.disk.reads.whole;
      let cursor: string | null = null;
      for (let page = 0; page < 5; page++) {
        const began = process.cpuUsage();
        const found = await queue.list(filter, 50, cursor);
        times.push(processorMs(began));
        expect(found.partial).toBe(false);
        cursor = found.cursor;
      }
      expect(median(times)).toBeLessThan(200);
      expect(rig.disk.reads.whole).toBe(bodiesRead);
    },
  );

  test("list() goes on quickly behind a cursor in the middle, also where its event is gone", async () => {
    const { events } = await queue.list({ actor: "user50001" }, 1, null).then(async (page) => {
      let found = page;
      while (found.events.length === 0) found = await queue.list({ actor: "user50001" }, 1, found.cursor);
      return found;
    });
    const { id } = events[0]!.meta;
    await queue.remove(id);
    const began = process.cpuUsage();
    const page = await queue.list({}, 50, id);
    expect(processorMs(began)).toBeLessThan(200);
    expect(page.events[0]?.meta.deliveryId).toBe("k50000");
  });

  test("memory is flat while all pages are read", async () => {
    const before = usedBytes();
    let seen = 0;
    let cursor: string | null = null;
    do {
      const page = await queue.list({ kind: "merge_request" }, 500, cursor);
      seen += page.events.length;
      cursor = page.cursor;
    } while (cursor !== null);
    expect(seen).toBe(COUNT / 10);
    expect(usedBytes() - before).toBeLessThan(5_000_000);
  });

  test("takes little of each waiting event beside the storage, with two deliveries each", async () => {
    const before = usedBytes();
    const stored = rig.disk.log.length;
    await fill(queue, 20_000, COUNT);
    await until(async () => (await queue.stats()).byState.waiting >= COUNT * 1.8 + 35_998, 60_000);
    await rig.clock.advance(2000);
    let storage = 0;
    for (const { key, value } of rig.disk.log.slice(stored).flat()) {
      // The journal in memory: a key, its entry in a map and in the log, a copy of the value with its headers.
      storage += key.length + (value?.length ?? 0) + 500;
    }
    expect((usedBytes() - before - storage) / 20_000).toBeLessThan(250);
  });

  test("wait for a target that is down for an hour: others go on, one timer, few wake-ups, flat memory", async () => {
    const waiting = (await queue.stats()).targets.get("a")!.waiting;
    let wakeUps = 0;
    let isIdle = false;
    queue.onWork(() => {
      if (isIdle) wakeUps++;
    });
    const before = usedBytes();
    let delivered = 0;
    let firstTries = 0;
    let retries = 0;
    for (let minute = 0; minute < 60; minute++) {
      isIdle = true;
      await rig.clock.advance(60_000);
      isIdle = false;
      expect(rig.clock.pendingTimers).toBeLessThanOrEqual(2);
      const at = rig.clock.now();
      for (const claimed of await queue.claim("a", { first: 20, retry: 20 })) {
        const tried = claimed.delivery.attempts;
        if (tried === 0) firstTries++;
        else retries++;
        await claimed.settle({
          outcome: "retry",
          at,
          attempt: attempt(at, { status: null, error: "connection refused" }),
          dueAt: at + Math.min(HOUR, 1000 * 2 ** tried),
        });
      }
      for (const claimed of await queue.claim("b", { first: 100, retry: 100 })) {
        delivered++;
        await claimed.settle({ outcome: "done", at, attempt: attempt(at) });
      }
    }
    expect(delivered).toBe(6000);
    expect(firstTries).toBe(1200);
    expect(retries).toBeGreaterThan(1000);
    // At most one for each due time that came, as nobody claims in between.
    expect(wakeUps).toBeLessThan(60 * 45);
    expect((await queue.stats()).targets.get("a")).toMatchObject({ waiting, sending: 0, dead: 0 });
    // Some 9,600 states were written meanwhile, which the journal in memory keeps.
    expect(usedBytes() - before).toBeLessThan(9600 * 3000);
  });
});

describe("a filter that must read", () => {
  test("list() says where it stopped early, and the cursor goes on there", async () => {
    const rig = createFilesRig();
    const queue = await rig.open(() => []);
    await fill(queue, 5000);
    await until(async () => (await queue.list({ state: "unrouted" }, 1, null)).events.length === 0);
    // Time passes with each look at the clock, as it would with each read from a disk.
    const { monotonic } = rig.clock;
    let elapsed = 0;
    rig.clock.monotonic = () => monotonic.call(rig.clock) + (elapsed += 10);
    let partial = 0;
    const found: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await queue.list({ actor: "user17" }, 10, cursor);
      if (page.partial) partial++;
      found.push(...page.events.map(({ meta }) => meta.actor!));
      cursor = page.cursor;
    } while (cursor !== null);
    expect(found).toEqual(["user17"]);
    expect(partial).toBeGreaterThan(3);
    await queue.close();
  });
});
