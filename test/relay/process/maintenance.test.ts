import { afterEach, expect, test, vi } from "vitest";
import { createLog, createSecrets } from "../../../lib/log.ts";
import { startMaintenance, type JobName, type Maintenance } from "../../../relay/process/maintenance.ts";
import { createMemoryQueue } from "../../helpers/memory-queue.ts";

const running: Maintenance[] = [];

afterEach(() => {
  vi.useRealTimers();
  for (const maintenance of running.splice(0)) maintenance.stop();
});

function started(queue: Partial<ReturnType<typeof createMemoryQueue>> = {}) {
  const lines: Record<string, unknown>[] = [];
  const log = createLog({
    level: "info",
    secrets: createSecrets(),
    write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  });
  const memory = createMemoryQueue();
  const expired: number[] = [];
  const moved = { count: 0 };
  const maintenance = startMaintenance({
    queue: { ...memory, ...queue },
    log,
    audit: { expire: async (before) => void expired.push(before) },
    now: () => 10 * 86_400_000,
    auditDays: () => 3,
    moveRenamed: async () => void (moved.count += 1),
  });
  running.push(maintenance);
  return { maintenance, lines, memory, expired, moved };
}

test.each([
  ["selfCheck", "selfCheck"],
  ["retention", "expire"],
  ["compaction", "compact"],
  ["verification", "verify"],
] as const)("%s calls %s()", async (job, call) => {
  const { maintenance, memory, lines } = started();
  await maintenance.run(job);
  expect(memory.calls[call]).toBe(1);
  expect(lines).toEqual([]);
});

test("the self-check and retention run each minute, compaction every five", () => {
  const { maintenance } = started();
  const gapsOf = (job: JobName): number => {
    const next = maintenance.nextRun(job) as Date;
    return (next.getTime() - Date.now()) / 1000;
  };
  expect(gapsOf("selfCheck")).toBeLessThanOrEqual(60);
  expect(gapsOf("retention")).toBeLessThanOrEqual(60);
  expect(gapsOf("compaction")).toBeLessThanOrEqual(300);
});

test("the jobs start by the clock", async () => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 15, 12, 0, 1) });
  const { memory, moved } = started();
  await vi.advanceTimersByTimeAsync(10 * 60_000);
  expect(moved.count).toBe(10);
  expect(memory.calls).toMatchObject({ selfCheck: 10, expire: 10, compact: 2, verify: 10 });
});

test("retention keeps as many days of the audit trail as the settings say", async () => {
  const { maintenance, expired } = started();
  await maintenance.run("retention");
  expect(expired).toEqual([7 * 86_400_000]);
});

test("what retention removed is logged", async () => {
  const { maintenance, lines } = started({ expire: async () => 12 });
  await maintenance.run("retention");
  expect(lines).toEqual([expect.objectContaining({ event: "maintenance.expired", events: 12 })]);
});

test("a job that fails is logged and runs again", async () => {
  let calls = 0;
  const { maintenance, lines } = started({
    async compact() {
      calls += 1;
      throw new Error("disk trouble");
    },
  });
  await maintenance.run("compaction");
  await maintenance.run("compaction");
  expect(calls).toBe(2);
  expect(lines.map((line) => [line["event"], line["job"], line["error"]])).toEqual([
    ["maintenance.failed", "compaction", "disk trouble"],
    ["maintenance.failed", "compaction", "disk trouble"],
  ]);
});

test("a job that still runs is not started again, which is logged", async () => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 15, 12, 0, 1) });
  let calls = 0;
  let end = (): void => {};
  const { lines } = started({
    selfCheck() {
      calls += 1;
      return new Promise((resolve) => (end = resolve));
    },
  });
  await vi.advanceTimersByTimeAsync(3 * 60_000);
  expect(calls).toBe(1);
  expect(lines.length).toBeGreaterThanOrEqual(2);
  for (const line of lines) expect(line).toMatchObject({ event: "maintenance.overrun", job: "selfCheck" });
  end();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(calls).toBe(2);
  end();
});

test("stop() ends the jobs", async () => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 15, 12, 0, 1) });
  const { maintenance, memory } = started();
  maintenance.stop();
  await vi.advanceTimersByTimeAsync(10 * 60_000);
  expect(memory.calls).toMatchObject({ selfCheck: 0, expire: 0, compact: 0 });
  expect(maintenance.nextRun("selfCheck")).toBeNull();
});
