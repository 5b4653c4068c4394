import { expect, test } from "vitest";
import { UpstreamError } from "../../../lib/errors.ts";
import { createLog, createSecrets } from "../../../lib/log.ts";
import { configSchema } from "../../../relay/config/schema.ts";
import { createRenamedTargets } from "../../../relay/process/renamed-targets.ts";
import type { Queue } from "../../../relay/queue/queue.ts";
import { settlement } from "../../helpers/admin.ts";
import { eventMeta } from "../../helpers/events.ts";
import { createFilesRig } from "../../helpers/local-queue.ts";

const NOW = configSchema.parse({ targets: { "ci-bot": { type: "log", formerly: ["ci", "old-ci"] } } });

/** A queue whose deliveries were made when the target was called `ci`: as many as `count`, oldest first. */
async function rig(count: number, former = "ci") {
  const { open, clock } = createFilesRig();
  const before = await open(() => [{ target: former, lane: "p7" }]);
  before.setRouting(() => [{ target: former, lane: "p7" }], [former]);
  const ids: string[] = [];
  let routed = 0;
  const allRouted = new Promise<void>((resolve) => {
    before.onEvent(({ type }) => {
      if (type === "routed" && ++routed === count) resolve();
    });
  });
  for (let index = 0; index < count; index += 1) {
    const { id: _, ...meta } = eventMeta();
    ids.push((await before.enqueue({ meta, body: Buffer.from("{}"), dedupeKey: `${index}` })).id);
  }
  await allRouted;
  const lines: Record<string, unknown>[] = [];
  const log = createLog({
    level: "info",
    secrets: createSecrets(),
    write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  });
  return {
    ids,
    lines,
    clock,
    before,
    /** As a relay finds it that starts with the new name. */
    async restart(change: (queue: Queue) => Partial<Queue> = () => ({})) {
      await before.close();
      const queue = await open(() => [{ target: "ci-bot", lane: "p7" }]);
      queue.setRouting(() => [{ target: "ci-bot", lane: "p7" }], ["ci-bot"]);
      const renamed = createRenamedTargets({
        queue: { ...queue, ...change(queue) },
        clock,
        log,
        targets: () => NOW.targets,
      });
      return { queue, renamed };
    },
  };
}

async function claimedIds(queue: Queue, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const [claim] = await queue.claim("ci-bot", { first: 1, retry: 1 });
    if (claim === undefined) break;
    ids.push(claim.delivery.eventId);
    await claim.settle(settlement("done", 0));
  }
  return ids;
}

test("settle() moves what waits under a former name to the target, oldest first, and says so", async () => {
  const { ids, lines, restart } = await rig(5);
  const { queue, renamed } = await restart();
  await renamed.settle(10_000);
  expect(lines).toEqual([
    expect.objectContaining({ event: "target.renamed", target: "ci-bot", formerly: "ci", deliveries: 5 }),
  ]);
  expect(await claimedIds(queue, 9)).toEqual(ids);
  await queue.close();
});

test("a move that fails is logged, and the next one does the rest", async () => {
  const { ids, lines, restart } = await rig(3);
  let failures = 1;
  const { queue, renamed } = await restart(({ move }) => ({
    move: (from, to) =>
      failures-- > 0
        ? Promise.reject(new UpstreamError("storage", "no space", { retryable: true }))
        : move(from, to),
  }));
  await renamed.settle(10_000);
  expect(lines.map(({ event }) => event)).toEqual(["target.move-failed", "target.orphaned"]);
  await renamed.move();
  expect(await claimedIds(queue, 9)).toEqual(ids);
  await queue.close();
});

test("a paused target stays paused under its new name", async () => {
  const { before, restart } = await rig(1);
  await before.setPaused("ci", true);
  const { queue, renamed } = await restart();
  await renamed.settle(10_000);
  const { targets } = await queue.stats();
  expect(targets.get("ci-bot")).toMatchObject({ paused: true, waiting: 1 });
  expect(targets.get("ci")?.paused ?? false).toBe(false);
  await queue.close();
});

test("what is kept for a name that no target has is told with its counts and the cure", async () => {
  const { lines, restart } = await rig(2, "gone");
  const { queue, renamed } = await restart();
  await renamed.settle(10_000);
  expect(lines).toEqual([
    expect.objectContaining({
      level: "warn",
      event: "target.orphaned",
      target: "gone",
      waiting: 2,
      dead: 0,
      note: expect.stringContaining('list it under "formerly"'),
    }),
  ]);
  await queue.close();
});

test("settle() waits for a long move no longer than it was told, and close() not at all", async () => {
  const { clock, lines, restart } = await rig(1);
  let fail = (_error: Error): void => {};
  let begun = (): void => {};
  const hasBegun = new Promise<void>((resolve) => (begun = resolve));
  const { queue, renamed } = await restart(() => ({
    move: () =>
      new Promise<number>((_resolve, reject) => {
        fail = reject;
        begun();
      }),
  }));
  const settled = renamed.settle(10_000);
  await hasBegun;
  await clock.advance(10_000);
  await settled;
  renamed.close();
  fail(new UpstreamError("closed", "the queue is closed", { retryable: false }));
  await renamed.move();
  expect(lines).toEqual([]);
  await queue.close();
});

test.each([
  [{ a: { type: "log", formerly: ["a"] } }, "targets.a.formerly.0", /name of a target now/],
  [
    { a: { type: "log", formerly: ["x"] }, b: { type: "log", formerly: ["x"] } },
    "targets.b.formerly.0",
    /listed by the target "a" already/,
  ],
  [{ a: { type: "log", formerly: ["Not A Name"] } }, "targets.a.formerly.0", /a target's name is/],
])("formerly: %j is refused", (targets, path, message) => {
  const { error } = configSchema.safeParse({ targets });
  expect(error?.issues.map((issue) => issue.path.join("."))).toEqual([path]);
  expect(error?.issues[0]?.message).toMatch(message);
});
