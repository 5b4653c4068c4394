import { expect, test } from "vitest";
import { UnverifiedBodies, type HeldBody } from "../../../relay/ingest/unverified.ts";

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
