import { expect, test } from "vitest";
import type { EventFilter, Queue } from "../../../../relay/queue/queue.ts";
import { createFilesRig } from "../../../helpers/local-queue.ts";
import { attempt, newEvent, until } from "../../../helpers/queue-contract.ts";

const EVENTS = 400;
const toBoth = (): { target: string; lane: null }[] => [
  { target: "a", lane: null },
  { target: "b", lane: null },
];

/** Ids of all pages, and the events that were looked at for them. */
async function pages(
  queue: Queue,
  filter: EventFilter,
  limit: number,
): Promise<{ ids: string[]; looked: number }> {
  const ids: string[] = [];
  let looked = 0;
  let cursor: string | null = null;
  do {
    const page = await queue.list(filter, limit, cursor);
    ids.push(...page.events.map(({ meta }) => meta.id));
    looked += page.looked;
    ({ cursor } = page);
  } while (cursor !== null);
  return { ids, looked };
}

/** Every 50th event dies at `a`, every 100th at `b`; returns their ids, newest first. */
async function fill(queue: Queue): Promise<string[]> {
  const numbers = new Map<string, number>();
  for (let number = 0; number < EVENTS; number++) {
    const { id } = await queue.enqueue(newEvent(`k${number}`, { kind: number < 200 ? "push" : "note" }));
    numbers.set(id, number);
  }
  await until(async () => (await queue.stats()).byState.waiting === 2 * EVENTS);
  const died = new Set<string>();
  for (const [target, each] of [
    ["a", 50],
    ["b", 100],
  ] as const) {
    const claims = await queue.claim(target, { first: EVENTS, retry: 0 });
    const settle = async (claimed: (typeof claims)[number]): Promise<void> => {
      const at = numbers.get(claimed.meta.id)!;
      if (at % each !== 7) return claimed.settle({ outcome: "done", at, attempt: attempt(at) });
      died.add(claimed.meta.id);
      const failed = attempt(at, { status: 410, error: "gone" });
      return claimed.settle({ outcome: "dead", at, attempt: failed, reason: "gone" });
    };
    await Promise.all(claims.map(settle));
  }
  return [...died].toSorted().toReversed();
}

test("list() of a few dead letters looks at no other event, page by page, also after a restart", async () => {
  const rig = createFilesRig();
  let queue = await rig.open(toBoth);
  const died = await fill(queue);
  expect(died).toHaveLength(8);
  for (const round of ["as it is", "after a restart"]) {
    const all = await pages(queue, { state: "dead" }, 250);
    expect([round, all]).toEqual([round, { ids: died, looked: 8 }]);
    expect(await pages(queue, { state: "dead" }, 3)).toEqual({ ids: died, looked: 8 });
    expect((await pages(queue, { state: "dead", target: "b" }, 3)).ids).toHaveLength(4);
    expect((await pages(queue, { state: "dead", kind: "note" }, 250)).ids).toEqual(died.slice(0, 4));
    expect((await pages(queue, { state: "dead", status: "4xx", actor: "nobody" }, 250)).ids).toEqual([]);
    await queue.close();
    queue = await rig.open(toBoth);
  }
  await queue.close();
});

test("list() of dead letters has what is dead now: not what was replayed, removed or died again elsewhere", async () => {
  const queue = await createFilesRig().open(toBoth);
  const [newest, second, third] = await fill(queue);
  await queue.replay(newest!, ["a"]);
  await queue.remove(second!);
  const { ids } = await pages(queue, { state: "dead" }, 250);
  expect(ids).toHaveLength(6);
  expect(ids[0]).toBe(third);
  const [claimed] = await queue.claim("a", { first: 1, retry: 0 });
  await claimed!.settle({ outcome: "dead", at: 1, attempt: attempt(1), reason: "gone again" });
  expect((await pages(queue, { state: "dead" }, 250)).ids[0]).toBe(newest);
  expect((await queue.list({ state: "dead" }, 10, newest!)).events[0]?.meta.id).toBe(third);
  expect((await queue.list({ state: "dead" }, 10, second!)).events[0]?.meta.id).toBe(third);
  await queue.close();
});
