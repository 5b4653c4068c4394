import { describe, expect, test } from "vitest";
import { RunStopped, createBudget, type Budget, type BudgetOptions } from "../../../lib/gitlab/budget.ts";
import { reserveOf, serverTime, type AnswerHead, type PermitSettlement } from "../../../lib/gitlab/tokens.ts";
import { FakeClock } from "../../helpers/clock.ts";

const START = Date.UTC(2026, 0, 15, 12, 0, 0);

function setup(options: Partial<BudgetOptions> = {}): { clock: FakeClock; budget: Budget } {
  const clock = new FakeClock(START);
  return { clock, budget: createBudget({ tokens: ["one"], clock, ...options }) };
}

function answer(status: number, remaining?: number, resetInSeconds = 60, limit = 600): AnswerHead {
  const reset = String(Math.floor(START / 1000) + resetInSeconds);
  return remaining === undefined
    ? { status, headers: {} }
    : {
        status,
        headers: {
          "ratelimit-limit": String(limit),
          "ratelimit-remaining": String(remaining),
          "ratelimit-reset": reset,
        },
      };
}

const nothing = { ownLimit: false, refusal: null } as const;

function refusedBy({ status }: AnswerHead): PermitSettlement {
  return { ...nothing, refusal: status === 401 ? "unauthorized" : null };
}

async function spend(budget: Budget, given: AnswerHead): Promise<void> {
  budget.settle(await budget.acquire("read"), given, refusedBy(given));
}

function watched<T>(promise: Promise<T>): { state: () => string } {
  let state = "waiting";
  promise.then(
    () => (state = "through"),
    (error: unknown) => (state = error instanceof RunStopped ? error.reason : "thrown"),
  );
  return { state: () => state };
}

test("serverTime() trusts the server's date where the clocks differ, and our own where they agree to the second", () => {
  expect(serverTime({ date: new Date(START + 90_000).toUTCString() }, START)).toBe(START + 90_000);
  expect(serverTime({ date: new Date(START).toUTCString() }, START + 900)).toBe(START + 900);
  expect(serverTime({}, START)).toBe(START);
});

test.each([
  ["they agree", 0],
  ["GitLab's is a little behind", -1900],
  ["GitLab's is a little ahead", 1900],
  ["GitLab's is a minute ahead", 60_900],
  ["GitLab's is a minute behind", -60_100],
])(
  "serverNow() is never later than GitLab's clock, and at most four seconds earlier: %s",
  async (_claim, aheadMs) => {
    let looks = 0;
    const clock = new FakeClock(START);
    // A clock that goes on between any two looks at it.
    const ticking = Object.assign(Object.create(clock) as FakeClock, {
      now: () => START + looks++,
      monotonic: () => clock.monotonic(),
      after: (ms: number, task: () => void) => clock.after(ms, task),
    });
    const budget = createBudget({ tokens: ["one"], clock: ticking });
    const date = new Date(START + aheadMs).toUTCString();
    await spend(budget, { status: 200, headers: { date } });
    const early = START + aheadMs + looks - budget.serverNow();
    expect(early).toBeGreaterThanOrEqual(0);
    expect(early).toBeLessThan(4100);
  },
);

test("reserveOf() leaves one request in a hundred to others, twenty at most", () => {
  expect([null, 10, 600, 2000, 100_000].map(reserveOf)).toEqual([0, 0, 6, 20, 20]);
});

describe("acquire()", () => {
  test("goes through at once while nothing is known of a limit", async () => {
    const { budget } = setup();
    for (let n = 0; n < 50; n++) await spend(budget, answer(200));
    expect(budget.counts).toEqual({ total: 50, rejected: 0 });
    expect(budget.room()).toBe(Number.POSITIVE_INFINITY);
  });

  test("pauses when what remains is used up by the requests under way and the reserve", async () => {
    const { clock, budget } = setup({ timeLimitSeconds: 300 });
    await spend(budget, answer(200, 9));
    expect(budget.room()).toBe(3);
    for (let n = 0; n < 3; n++) await budget.acquire("read");
    const next = watched(budget.acquire("read"));
    await clock.advance(59_000);
    expect(next.state()).toBe("waiting");
    await clock.advance(1_000);
    expect(next.state()).toBe("through");
  });

  test("takes the smaller number where answers of one window come out of order", async () => {
    const { budget } = setup();
    await spend(budget, answer(200, 20));
    await spend(budget, answer(200, 40));
    expect(budget.room()).toBe(14);
  });

  test("ignores a late answer of a window that is over", async () => {
    const { budget } = setup();
    await spend(budget, answer(200, 500, 120));
    await spend(budget, answer(200, 0, 60));
    expect(budget.room()).toBe(494);
  });

  test("a 429 closes the gate for all workers and opens it when Retry-After is over", async () => {
    const { clock, budget } = setup({ timeLimitSeconds: 300 });
    await spend(budget, { status: 429, headers: { "retry-after": "20" } });
    const waiting = [1, 2, 3].map(() => watched(budget.acquire("read")));
    await clock.advance(19_999);
    expect(waiting.map((w) => w.state())).toEqual(["waiting", "waiting", "waiting"]);
    await clock.advance(1);
    expect(waiting.map((w) => w.state())).toEqual(["through", "through", "through"]);
    expect(budget.counts.rejected).toBe(1);
  });

  test.each([
    ["RateLimit-ResetTime", { "ratelimit-resettime": new Date(START + 40_000).toUTCString() }, 40_000],
    ["nothing at all", {}, 60_000],
  ])("a 429 with %s closes it for %s", async (_what, headers, wait) => {
    const { clock, budget } = setup({ timeLimitSeconds: 300 });
    await spend(budget, { status: 429, headers });
    const next = watched(budget.acquire("read"));
    await clock.advance(wait - 1);
    expect(next.state()).toBe("waiting");
    await clock.advance(1);
    expect(next.state()).toBe("through");
  });

  test("a 429 of an endpoint's own limit leaves the gate open", async () => {
    const { budget } = setup();
    budget.settle(
      await budget.acquire("read"),
      { status: 429, headers: { "retry-after": "60" } },
      { ...nothing, ownLimit: true },
    );
    await budget.acquire("read");
    expect(budget.counts).toEqual({ total: 2, rejected: 1 });
  });

  test("stops the run for all workers where the wait does not fit the time limit", async () => {
    const { clock, budget } = setup({ timeLimitSeconds: 30 });
    await spend(budget, { status: 429, headers: { "retry-after": "31" } });
    const workers = [1, 2, 3].map(() => watched(budget.acquire("read")));
    await clock.advance(0);
    expect(workers.map((w) => w.state())).toEqual(["rate-limit", "rate-limit", "rate-limit"]);
    expect(budget.stopped).toBe("rate-limit");
  });

  test.each([
    ["30", "waiting"],
    ["31", "rate-limit"],
  ])("without a time limit a wait of %s seconds leaves a worker %s", async (seconds, state) => {
    const { clock, budget } = setup();
    await spend(budget, { status: 429, headers: { "retry-after": seconds } });
    const next = watched(budget.acquire("read"));
    await clock.advance(0);
    expect(next.state()).toBe(state);
  });

  test("waiting workers hear at once that the run has stopped", async () => {
    const { clock, budget } = setup({ timeLimitSeconds: 300 });
    await spend(budget, { status: 429, headers: { "retry-after": "60" } });
    const waiting = watched(budget.acquire("read"));
    await clock.advance(1);
    budget.stop("time-limit");
    await clock.advance(0);
    expect(waiting.state()).toBe("time-limit");
  });

  test("ends with max-requests after that many, and with time-limit once the time is over", async () => {
    const counted = setup({ maxRequests: 2 });
    await spend(counted.budget, answer(200));
    expect(counted.budget.room()).toBe(1);
    await spend(counted.budget, answer(200));
    await expect(counted.budget.acquire("read")).rejects.toMatchObject({ reason: "max-requests" });
    const timed = setup({ timeLimitSeconds: 5 });
    await timed.clock.advance(5_000);
    await expect(timed.budget.acquire("read")).rejects.toMatchObject({ reason: "time-limit" });
  });
});

describe("several tokens", () => {
  test("the next one takes over where one is used up, and the first comes back with its window", async () => {
    const { clock, budget } = setup({ tokens: ["one", "two"] });
    await spend(budget, answer(200, 6));
    const second = await budget.acquire("read");
    expect(second.token).toBe("two");
    budget.settle(second, answer(200, 300), nothing);
    await clock.advance(60_000);
    expect((await budget.acquire("read")).token).toBe("one");
  });

  test("a refused token is not used again; when none is left that is an error and no stop", async () => {
    const { budget } = setup({ tokens: ["one", "two"] });
    await spend(budget, answer(401));
    const second = await budget.acquire("read");
    expect(second.token).toBe("two");
    budget.settle(second, answer(401), refusedBy(answer(401)));
    await expect(budget.acquire("read")).rejects.toMatchObject({ code: "unauthorized", status: 401 });
    expect(budget.stopped).toBeNull();
  });

  test("a token that lacks the scope writes no more, and reads only if no other one can", async () => {
    const { budget } = setup({ tokens: ["reader", "writer"] });
    const scope = { ...nothing, refusal: "insufficient-scope" } as const;
    expect(budget.settle(await budget.acquire("write"), answer(403), scope)).toBe(true);
    const second = await budget.acquire("write");
    expect(second.token).toBe("writer");
    expect((await budget.acquire("read")).token).toBe("reader");
    expect(budget.settle(second, answer(403), scope)).toBe(false);
    await expect(budget.acquire("write")).rejects.toMatchObject({ code: "insufficient-scope" });
    expect(budget.settle(await budget.acquire("read"), answer(403), scope)).toBe(true);
    expect((await budget.acquire("read")).token).toBe("writer");
  });
});

describe("pause()", () => {
  test("waits", async () => {
    const { clock, budget } = setup();
    const pause = watched(budget.pause(500));
    await clock.advance(499);
    expect(pause.state()).toBe("waiting");
    await clock.advance(1);
    expect(pause.state()).toBe("through");
  });

  test("ends the run where it would outlast it", async () => {
    const { budget } = setup({ timeLimitSeconds: 1 });
    await expect(budget.pause(1_500)).rejects.toMatchObject({ reason: "time-limit" });
  });
});

test("block() stops the run for all workers, with a note for the operator", async () => {
  const { clock, budget } = setup({ timeLimitSeconds: 600 });
  await spend(budget, answer(200, 6));
  const waiting = watched(budget.acquire("read"));
  expect(budget.block("a firewall")).toMatchObject({ name: "RunStopped", reason: "blocked" });
  await clock.advance(0);
  expect(waiting.state()).toBe("blocked");
  expect(budget).toMatchObject({ stopped: "blocked", stopNote: "a firewall" });
  await expect(budget.acquire("read")).rejects.toThrow("blocked");
});
