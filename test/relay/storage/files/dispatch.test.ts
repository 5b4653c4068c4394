/** Claims of one process's queue, as far as they are not the contract of all queues. */
import { expect, test } from "vitest";
import { createFilesRig } from "../../../helpers/local-queue.ts";
import { attempt, newEvent, toTarget, until } from "../../../helpers/queue-contract.ts";
import type { Queue, Router } from "../../../../relay/queue/queue.ts";

const ROOM = { first: 1000, retry: 1000 };

async function storeTwo(queue: Queue): Promise<void> {
  for (const key of ["one", "two"]) {
    const { id } = await queue.enqueue(newEvent(key));
    await until(async () => (await queue.get(id))?.state !== "unrouted");
  }
}

test("Claim.settle(): only the first settlement of a claim counts", async () => {
  const { clock, open } = createFilesRig();
  const queue = await open(toTarget("a"));
  await storeTwo(queue);
  const [claimed] = await queue.claim("a", { first: 1, retry: 0 });
  const at = clock.now();
  await claimed!.settle({ outcome: "done", at, attempt: attempt(at) });
  await claimed!.settle({ outcome: "retry", at, attempt: attempt(at), dueAt: at });
  expect((await queue.stats()).byState).toMatchObject({ waiting: 1, sending: 0, done: 1 });
  await queue.close();
});

test.each([
  ["of a lane announces that the next one may go", (() => [{ target: "a", lane: "p1" }]) as Router, ["a"]],
  ["without a lane lets nothing go, and announces nothing", toTarget("a"), []],
])("Claim.settle(): the end %s", async (_what, router, wanted) => {
  const { clock, open } = createFilesRig();
  const queue = await open(router);
  await storeTwo(queue);
  const [claimed] = await queue.claim("a", ROOM);
  await clock.advance(0);
  const announced: string[] = [];
  queue.onWork((target) => announced.push(target));
  const at = clock.now();
  await claimed!.settle({ outcome: "done", at, attempt: attempt(at) });
  await clock.advance(0);
  expect(announced).toEqual(wanted);
  await queue.close();
});
