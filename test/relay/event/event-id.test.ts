import { describe, expect, test } from "vitest";
import {
  MAX_LEAD_MS,
  OrderSource,
  digestOf,
  formatEventKey,
  formatId,
  idWords,
  orderOf,
  parseId,
  timeOfOrder,
} from "../../../relay/event/event-id.ts";
import type { IdWords } from "../../../relay/event/event-id.ts";

const NOW = Date.UTC(2026, 0, 15);
const text = ([a = 0, b = 0, c = 0, d = 0]: IdWords): string => formatId(a, b, c, d);

describe("formatId() and parseId()", () => {
  test.each([
    [Uint32Array.of(0, 0, 0, 0), "00000000000000000000000000"],
    [Uint32Array.of(0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff), "7zzzzzzzzzzzzzzzzzzzzzzzzz"],
    [Uint32Array.of(0, 0, 0, 1), "00000000000000000000000001"],
    [Uint32Array.of(0x01234567, 0x89abcdef, 0xfedcba98, 0x76543210), null],
  ])("are each other's inverse: %o", (words, expected) => {
    const id = text(words);
    expect(id).toHaveLength(26);
    if (expected !== null) expect(id).toBe(expected);
    expect(parseId(id)).toEqual(words);
    expect(parseId(`state:${id}:a:0`, 6)).toEqual(words);
  });

  test("agree for a thousand ids, whose text sorts like their order", () => {
    const orders = new OrderSource();
    const ids = Array.from({ length: 1000 }, (_, index) => idWords(orders.next(NOW), digestOf(`${index}`)));
    for (const words of ids) expect(parseId(text(words))).toEqual(words);
    const texts = ids.map(text);
    expect(texts.toSorted()).toEqual(texts);
  });

  test.each([
    "",
    "0000",
    "8zzzzzzzzzzzzzzzzzzzzzzzzz",
    "u0000000000000000000000000",
    "0000000000000000000000000é",
  ])("parseId() refuses %o", (bad) => {
    expect(parseId(bad)).toBeNull();
  });

  test("formatEventKey() is the key of that id", () => {
    expect(formatEventKey(1, 2, 3, 4)).toBe(`event:${formatId(1, 2, 3, 4)}`);
  });
});

describe("idWords()", () => {
  test("holds the time, the count within it and the digest", () => {
    const order = NOW * 1024 + 7;
    const digest = digestOf("id:abc");
    const [w0 = 0, w1 = 0, w2, w3] = idWords(order, digest);
    expect(orderOf(w0, w1)).toBe(order);
    expect(timeOfOrder(order)).toBe(NOW);
    expect([w1 & 0x3f, w2, w3]).toEqual([digest[1], digest[2], digest[3]]);
  });

  test("digests of other keys differ", () => {
    expect(new Set(Array.from({ length: 1000 }, (_, i) => digestOf(`id:${i}`).join())).size).toBe(1000);
  });
});

describe("OrderSource", () => {
  test("next() ascends within a millisecond and beyond what one holds", () => {
    const orders = new OrderSource();
    const made = Array.from({ length: 3000 }, () => orders.next(NOW));
    expect(made.every((order, index) => index === 0 || order > made[index - 1]!)).toBe(true);
    expect(timeOfOrder(made[0]!)).toBe(NOW);
    expect(timeOfOrder(made[2999]!)).toBe(NOW + 2);
  });

  test("next() ascends while the clock is set back by up to a day", () => {
    const orders = new OrderSource();
    const before = orders.next(NOW);
    expect(orders.next(NOW - MAX_LEAD_MS + 1000)).toBe(before + 1);
  });

  test("next() begins anew where the clock was more than a day ahead", () => {
    const orders = new OrderSource();
    orders.next(NOW + 400 * 86_400_000);
    expect(timeOfOrder(orders.next(NOW))).toBe(NOW);
  });

  test("next() goes on behind what an earlier process handed out", () => {
    const orders = new OrderSource();
    orders.seen(NOW * 1024 + 5);
    expect(orders.next(NOW)).toBe(NOW * 1024 + 6);
    orders.seen(NOW * 1024 + 1);
    expect(orders.next(NOW)).toBe(NOW * 1024 + 7);
  });
});
