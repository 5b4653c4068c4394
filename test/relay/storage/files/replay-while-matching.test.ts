import { expect, test } from "vitest";
import type { Claim } from "../../../../relay/queue/queue.ts";
import { createFilesRig } from "../../../helpers/local-queue.ts";
import { newEvent, until } from "../../../helpers/queue-contract.ts";

const ROOM = { first: 100, retry: 100 };

test("replay() while the event is being matched gives its target one delivery, whenever the rules answer", async () => {
  const rig = createFilesRig();
  let answer = (): void => {};
  const queue = await rig.open(async () => {
    await new Promise<void>((resolve) => {
      answer = resolve;
    });
    return [{ target: "a", lane: null }];
  });
  let routed = 0;
  queue.onEvent(({ type }) => {
    if (type === "routed") routed++;
  });
  // Each time one turn of the microtasks later: before, during and after the writing.
  for (let turns = 0; turns < 60; turns++) {
    answer = () => {};
    const asked = answer;
    const { id } = await queue.enqueue(newEvent(`k${turns}`));
    await until(() => answer !== asked);
    const replayed = queue.replay(id, ["a"]);
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    answer();
    expect(await replayed).toEqual(["a"]);
    await until(() => routed === turns + 1);
    const claims: Claim[] = await queue.claim("a", ROOM);
    expect([turns, claims.length]).toEqual([turns, 1]);
    for (const claim of claims) {
      const at = rig.clock.now();
      const attempt = { at, durationMs: 1, status: 200, error: null, excerpt: null };
      await claim.settle({ outcome: "done", at, attempt });
    }
  }
  await queue.close();
});
