import { describe, expect, test } from "vitest";
import {
  resultOfAnswer,
  resultOfFailure,
  settlementOf,
  verdictOf,
  withRetriedStatuses,
} from "../../../relay/delivery/outcome.ts";
import { newDelivery, type Attempt } from "../../../relay/queue/delivery-state.ts";

const now = Date.UTC(2026, 0, 15, 12, 0, 0);
const none = { retryAfter: null, location: null };

describe("verdictOf()", () => {
  const table = {
    done: [200, 201, 202, 204, 226, 299],
    retry: [408, 425, 429, 500, 502, 503, 504, 507, 599],
    dead: [300, 301, 302, 304, 307, 308, 400, 401, 403, 404, 405, 409, 410, 413, 418, 422, 451],
  };
  test.each(Object.entries(table).flatMap(([verdict, all]) => all.map((status) => [status, verdict])))(
    "%i is %s",
    (status, verdict) => {
      expect(verdictOf(Number(status))).toBe(verdict);
    },
  );
});

describe("resultOfAnswer()", () => {
  test("a success has neither error nor wait", () => {
    const result = resultOfAnswer(204, { retryAfter: "10", location: null }, null, now);
    expect(result).toMatchObject({ verdict: "done", error: null, retryAfterSeconds: null });
  });
  test("a redirect tells the operator what to correct", () => {
    const result = resultOfAnswer(302, { retryAfter: null, location: "https://b.example/x" }, null, now);
    expect(result.verdict).toBe("dead");
    expect(result.error).toBe(
      "answered 302, a redirect to https://b.example/x: redirects are not followed, correct the target's url",
    );
  });
  test("Retry-After counts for a retry, and for nothing else", () => {
    const headers = { retryAfter: "60", location: null };
    expect(resultOfAnswer(429, headers, "slow down", now)).toMatchObject({
      verdict: "retry",
      status: 429,
      error: "answered 429",
      excerpt: "slow down",
      retryAfterSeconds: 60,
    });
    expect(resultOfAnswer(404, headers, null, now).retryAfterSeconds).toBeNull();
    const date = { retryAfter: new Date(now + 1_500).toUTCString(), location: null };
    expect(resultOfAnswer(503, date, null, now).retryAfterSeconds).toBe(1);
  });
});

describe("settlementOf()", () => {
  const retry = { maxAttempts: 3, maxAgeSeconds: 100, baseSeconds: 8, capSeconds: 3600 };
  const attempt: Attempt = { at: now, durationMs: 5, status: 500, error: "answered 500", excerpt: null };
  const fresh = newDelivery("e", "t", 0, now);
  const failed = resultOfAnswer(500, none, null, now);
  const half = (): number => 0.5;

  test("done", () => {
    const done = resultOfAnswer(200, none, null, now);
    const taken = { ...attempt, status: 200, error: null };
    expect(
      settlementOf({ result: done, attempt: taken, delivery: fresh, endedAt: now }, retry, half),
    ).toEqual({
      outcome: "done",
      at: now,
      attempt: taken,
    });
  });

  test("a refusal is dead at once, with the reason", () => {
    const gone = resultOfAnswer(410, none, null, now);
    const settlement = settlementOf(
      { result: gone, attempt: { ...attempt, error: gone.error }, delivery: fresh, endedAt: now },
      retry,
      half,
    );
    expect(settlement).toMatchObject({ outcome: "dead", reason: "answered 410" });
  });

  test.each([
    [0, 4000],
    [1, 8000],
  ])("after %i earlier attempts it waits %i ms", (attempts, wait) => {
    const delivery = { ...fresh, attempts, firstAttemptAt: now };
    expect(settlementOf({ result: failed, attempt, delivery, endedAt: now }, retry, half)).toMatchObject({
      outcome: "retry",
      dueAt: now + wait,
    });
  });

  test("the last attempt is dead and says after how many", () => {
    const delivery = { ...fresh, attempts: 2, firstAttemptAt: now };
    expect(settlementOf({ result: failed, attempt, delivery, endedAt: now }, retry, half)).toMatchObject({
      outcome: "dead",
      reason: "gave up after 3 attempts: answered 500",
    });
  });

  test("maxAttempts 1 never retries", () => {
    const once = { ...retry, maxAttempts: 1 };
    expect(
      settlementOf({ result: failed, attempt, delivery: fresh, endedAt: now }, once, half),
    ).toMatchObject({
      outcome: "dead",
      reason: "gave up after 1 attempt: answered 500",
    });
  });

  test("age counts from the first attempt", () => {
    const delivery = { ...fresh, attempts: 1, firstAttemptAt: now - 100_000 };
    expect(settlementOf({ result: failed, attempt, delivery, endedAt: now }, retry, half)).toMatchObject({
      outcome: "dead",
      reason: "gave up 100 s after the first attempt: answered 500",
    });
  });

  test("the last moment is not let pass without a last attempt", () => {
    const delivery = { ...fresh, attempts: 1, firstAttemptAt: now - 99_000 };
    expect(settlementOf({ result: failed, attempt, delivery, endedAt: now }, retry, half)).toMatchObject({
      outcome: "retry",
      dueAt: now + 1000,
    });
  });

  test("no answer is a retry", () => {
    const refused = resultOfFailure("connect ECONNREFUSED 127.0.0.1:9");
    const lost = { ...attempt, status: null, error: refused.error };
    expect(
      settlementOf({ result: refused, attempt: lost, delivery: fresh, endedAt: now }, retry, half),
    ).toMatchObject({ outcome: "retry" });
  });
});

test("withRetriedStatuses() makes refusals that are listed worth a retry, and nothing else", () => {
  const answer = (status: number) => resultOfAnswer(status, { retryAfter: null, location: null }, null, 0);
  expect(withRetriedStatuses(answer(404), [404]).verdict).toBe("retry");
  expect(withRetriedStatuses(answer(404), []).verdict).toBe("dead");
  expect(withRetriedStatuses(answer(410), [404]).verdict).toBe("dead");
  expect(withRetriedStatuses(answer(200), [404]).verdict).toBe("done");
});
