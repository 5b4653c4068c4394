import { expect, test } from "vitest";
import { Places } from "../../../../relay/admin/live/places.ts";

test("Places: a place that is given back twice is free once", () => {
  const places = new Places(2);
  const giveBack = places.take();
  expect([places.take(), places.take()]).toEqual([expect.any(Function), null]);
  giveBack?.();
  giveBack?.();
  expect([places.take(), places.take()]).toEqual([expect.any(Function), null]);
});
