import { expect, test } from "vitest";
import {
  answerHeaders,
  EXCHANGE_BYTES,
  exchangeOf,
  sentHeaders,
  type AnswerHeaders,
  type SentRequest,
} from "../../../relay/queue/exchange.ts";

const meta = {
  headers: [["x-gitlab-event", "Push Hook"] as const, ["x-gitlab-instance", "gitlab"] as const],
};

const sent = (headers: Record<string, string>, hidden: readonly string[] = []): SentRequest => ({
  method: "POST",
  url: "https://bot/hook",
  headers,
  hidden: new Set(hidden),
});

test("exchangeOf() keeps a header that the event has by its name, and sentHeaders() gives its value back", () => {
  const headers = {
    "content-type": "application/json",
    "x-gitlab-event": "Push Hook",
    "x-gitlab-instance": "other",
  };
  const exchange = exchangeOf(sent(headers), null, meta);
  expect(exchange.request.headers.split("\n")).toEqual([
    "content-type: application/json",
    "x-gitlab-event",
    "x-gitlab-instance: other",
  ]);
  expect(exchange.answer).toBeNull();
  expect(Object.fromEntries(sentHeaders(exchange, meta))).toEqual(headers);
});

test("exchangeOf() finds the event's headers in whatever order they go out", () => {
  const names = ["a", "b", "c", "d", "e"];
  const event = { headers: names.map((name) => [name, `value of ${name}`] as const) };
  const orders = [names, names.toReversed(), ["c", "x", "a", "e", "y", "b", "d"]];
  for (const order of orders) {
    const headers = Object.fromEntries(order.map((name) => [name, `value of ${name}`]));
    const exchange = exchangeOf(sent(headers), null, event);
    const kept = order.map((name) => (names.includes(name) ? name : `${name}: value of ${name}`));
    expect(exchange.request.headers.split("\n")).toEqual(kept);
    expect(Object.fromEntries(sentHeaders(exchange, event))).toEqual(headers);
  }
});

test("exchangeOf() keeps no value of the settings, no signature, and nothing of them that comes back", () => {
  const request = sent(
    { authorization: "Bearer s3cr3t-token", "x-key": "abcd-efgh", "webhook-signature": "v1,sig" },
    ["authorization", "x-key"],
  );
  const answer: AnswerHeaders = {
    "x-echo": "you sent s3cr3t-token",
    "set-cookie": ["sid=1", "other=2"],
    location: "https://user:pass@bot/login?ticket=t1#f",
    server: "nginx",
  };
  const exchange = exchangeOf(request, answer, meta);
  expect(sentHeaders(exchange, meta)).toEqual([
    ["authorization", "***"],
    ["x-key", "***"],
    ["webhook-signature", "***"],
  ]);
  expect(answerHeaders(exchange.answer!)).toEqual([
    ["x-echo", "***"],
    ["set-cookie", "***"],
    ["location", "https://***@bot/login?***"],
    ["server", "nginx"],
  ]);
});

test("exchangeOf() keeps at most EXCHANGE_BYTES of each side and counts what it leaves out", () => {
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`x-${i}`, "é".repeat(100)]));
  const exchange = exchangeOf(sent(many), { ...many, "x-long": "y".repeat(100_000) }, meta);
  for (const [side, all] of [
    [exchange.request, 500],
    [exchange.answer, 501],
  ] as const) {
    expect(Buffer.byteLength(side!.headers)).toBeLessThanOrEqual(EXCHANGE_BYTES);
    expect(side!.headers.split("\n").length + side!.omitted).toBe(all);
    expect(side!.omitted).toBeGreaterThan(400);
  }
});

test("exchangeOf() cuts a long value, marked as such", () => {
  const { answer } = exchangeOf(sent({}), { "x-long": "y".repeat(1000), after: "z" }, meta);
  expect(answerHeaders(answer!)).toEqual([
    ["x-long", `${"y".repeat(256)}…`],
    ["after", "z"],
  ]);
});
