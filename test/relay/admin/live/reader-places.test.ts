import { expect, test } from "vitest";
import { ReaderPlaces } from "../../../../relay/admin/live/reader-places.ts";

test("ReaderPlaces: a place that is given back twice is free once", () => {
  const places = new ReaderPlaces(2);
  const giveBack = places.take();
  expect([places.take(), places.take()]).toEqual([expect.any(Function), null]);
  giveBack?.();
  giveBack?.();
  expect([places.take(), places.take()]).toEqual([expect.any(Function), null]);
});
