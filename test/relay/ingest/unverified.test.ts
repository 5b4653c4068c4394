import { expect, test } from "vitest";
import { SLAB_BYTES, UnverifiedBodies, WEIGHT, type HeldBody } from "../../../relay/ingest/unverified.ts";

function body(log: string[], name: string): HeldBody {
  return { giveUp: () => void log.push(name) };
}

test("grow() gives up the oldest until the rest fits, the growing one too where it is alone too large", () => {
  const given: string[] = [];
  const bodies = new UnverifiedBodies(() => 100);
  const [a, b, c] = ["a", "b", "c"].map((name) => body(given, name)) as [HeldBody, HeldBody, HeldBody];
  bodies.grow(a, 50);
  bodies.grow(b, 40);
  bodies.grow(c, 10);
  expect([given, bodies.total]).toEqual([[], 100]);
  bodies.grow(c, 45);
  expect([given, bodies.total]).toEqual([["a"], 95]);
  bodies.grow(c, 60);
  expect([given, bodies.total]).toEqual([["a", "b", "c"], 0]);
});

test("release() makes room, and may be called for what is not held", () => {
  const bodies = new UnverifiedBodies(() => 100);
  const held = body([], "a");
  bodies.release(held);
  bodies.grow(held, 80);
  bodies.grow(held, -30);
  bodies.release(held);
  bodies.release(held);
  expect(bodies.total).toBe(0);
});

test("slab() hands out what was given back, so that bodies that come and go take no more memory than those that are held", () => {
  const limit = 10 * SLAB_BYTES * WEIGHT;
  const bodies = new UnverifiedBodies(() => limit);
  const made = new Set<Buffer>();
  for (let n = 0; n < 100; n += 1) {
    const slabs: Buffer[] = [];
    const stranger = { giveUp: () => bodies.giveBack(slabs.splice(0)) };
    for (let piece = 0; piece < 4; piece += 1) {
      bodies.grow(stranger, SLAB_BYTES * WEIGHT);
      const slab = bodies.slab();
      slabs.push(slab);
      made.add(slab);
    }
  }
  expect(made.size).toBe(10);
});

test("giveBack() lets go of what a smaller limit has no room for", () => {
  let limit = 4 * SLAB_BYTES * WEIGHT;
  const bodies = new UnverifiedBodies(() => limit);
  const slabs = Array.from({ length: 4 }, () => bodies.slab());
  limit = SLAB_BYTES * WEIGHT;
  bodies.giveBack(slabs);
  const [first, second] = [bodies.slab(), bodies.slab()];
  expect([slabs.includes(first), slabs.includes(second)]).toEqual([true, false]);
});
