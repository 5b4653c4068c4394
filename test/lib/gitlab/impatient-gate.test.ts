import { beforeEach, expect, test } from "vitest";
import { createImpatientGate } from "../../../lib/gitlab/impatient-gate.ts";
import type { Gate } from "../../../lib/gitlab/budget.ts";
import { FakeClock } from "../../helpers/clock.ts";

let clock: FakeClock;
let gate: Gate;
beforeEach(() => {
  clock = new FakeClock();
  gate = createImpatientGate(["a", "b"], clock);
});

const NOTHING = { ownLimit: false, refusal: null } as const;

test("createImpatientGate() lets no request wait: it fails at once and says when to come back", async () => {
  for (const seconds of ["30", "20"]) {
    const permit = await gate.acquire("read");
    gate.settle(permit, { status: 429, headers: { "retry-after": seconds } }, NOTHING);
  }
  const refused = { code: "throttled", status: 429, retryable: true, retryAfterMs: 20_000 };
  await expect(gate.acquire("read")).rejects.toMatchObject(refused);
  expect(clock.pendingTimers).toBe(0);
  await clock.advance(20_000);
  expect((await gate.acquire("read")).token).toBe("b");
});

test("createImpatientGate() tries a refused token again after a minute", async () => {
  for (let i = 0; i < 2; i++) {
    const permit = await gate.acquire("write");
    gate.settle(permit, { status: 401, headers: {} }, { ownLimit: false, refusal: "unauthorized" });
  }
  await expect(gate.acquire("write")).rejects.toMatchObject({ code: "unauthorized" });
  await clock.advance(60_000);
  expect((await gate.acquire("write")).token).toBe("a");
});

test("createImpatientGate(): what stands in front of GitLab is worth another try", () => {
  expect(gate.block("a firewall blocks")).toMatchObject({ code: "blocked", retryable: true });
  expect(gate.starve("throttled")).toMatchObject({ code: "throttled", status: 429, retryable: true });
});
