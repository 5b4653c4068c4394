import { spawnSync } from "node:child_process";
import { afterEach, describe, expect, test } from "vitest";
import { UpstreamError } from "../../../lib/errors.ts";
import { createMetrics, type Metrics } from "../../../relay/observe/metrics.ts";
import { settlement } from "../../helpers/admin.ts";
import { FakeClock } from "../../helpers/clock.ts";
import { eventMeta } from "../../helpers/events.ts";
import { createMemoryQueue, type MemoryQueue } from "../../helpers/memory-queue.ts";
import { hasCommand } from "../../helpers/tools.ts";

const hasPromtool = hasCommand("promtool", "--version");

let made: Metrics[] = [];
afterEach(() => {
  for (const metrics of made) metrics.close();
  made = [];
});

function setUp(withProcess = false): { metrics: Metrics; queue: MemoryQueue; clock: FakeClock } {
  const clock = new FakeClock();
  const queue = createMemoryQueue(() => clock.now());
  queue.setRouting(() => [{ target: "ci-bot", lane: null }], ["ci-bot"]);
  const metrics = createMetrics({
    queue,
    now: () => clock.now(),
    process: withProcess,
    targets: () => [{ name: "ci-bot", breakerOpen: true, inFlight: 0 }],
  });
  made.push(metrics);
  return { metrics, queue, clock };
}

async function deliver(queue: MemoryQueue, outcome: "done" | "retry" | "dead"): Promise<void> {
  const { id: _id, ...meta } = eventMeta();
  await queue.enqueue({ meta, body: Buffer.from("{}"), dedupeKey: `${queue.calls.enqueue}` });
  const [claim] = await queue.claim("ci-bot", { first: 1, retry: 0 });
  await claim?.settle(settlement(outcome, 0));
}

async function samples(metrics: Metrics, name: string): Promise<string[]> {
  return (await metrics.text())
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
}

describe("createMetrics()", () => {
  test("counts webhooks by answer and kind", async () => {
    const { metrics } = setUp();
    metrics.request("accepted", "push", 2);
    metrics.request("accepted", "push", 3);
    metrics.request("duplicate", "merge_request", 1);
    metrics.request("unauthorized", null, 1);
    const text = await metrics.text();
    expect(text).toContain('gitlab_webhook_requests_total{status="accepted",event="push"} 2');
    expect(text).toContain('gitlab_webhook_requests_total{status="duplicate",event="merge_request"} 1');
    expect(text).toContain('gitlab_webhook_requests_total{status="unauthorized",event="other"} 1');
    expect(text).toContain('gitlab_webhook_duration_seconds_bucket{le="0.0025"} 3');
    expect(text).toContain("gitlab_webhook_duration_seconds_count 4");
    expect(await metrics.text()).toBe(text);
  });

  test("counts webhooks of a named GitLab apart, and leaves the others as they were", async () => {
    const { metrics } = setUp();
    metrics.request("accepted", "push", 2);
    metrics.request("accepted", "push", 2, "partner");
    metrics.request("accepted", "made-up", 2, "partner");
    const accepted = (await samples(metrics, "gitlab_webhook_requests_total")).filter((line) =>
      line.includes("accepted"),
    );
    expect(accepted).toEqual([
      'gitlab_webhook_requests_total{status="accepted",event="other"} 0',
      'gitlab_webhook_requests_total{status="accepted",event="push"} 1',
      'gitlab_webhook_requests_total{status="accepted",event="push",gitlab="partner"} 1',
      'gitlab_webhook_requests_total{status="accepted",event="other",gitlab="partner"} 1',
    ]);
  });

  test("keeps the number of series bounded whatever kinds are sent", async () => {
    const { metrics } = setUp();
    for (let count = 0; count < 1000; count += 1) metrics.request("accepted", `made-up-${count}`, 1);
    const accepted = (await samples(metrics, "gitlab_webhook_requests_total")).filter((line) =>
      line.includes("accepted"),
    );
    expect(accepted).toEqual(['gitlab_webhook_requests_total{status="accepted",event="other"} 1000']);
  });

  test("counts attempts by target and outcome, and how long they took", async () => {
    const { metrics, queue } = setUp();
    await deliver(queue, "retry");
    await deliver(queue, "dead");
    await deliver(queue, "done");
    await deliver(queue, "done");
    expect(await samples(metrics, "relay_deliveries_total")).toEqual([
      'relay_deliveries_total{target="ci-bot",outcome="retry"} 1',
      'relay_deliveries_total{target="ci-bot",outcome="dead"} 1',
      'relay_deliveries_total{target="ci-bot",outcome="done"} 2',
    ]);
    expect(await samples(metrics, "relay_delivery_duration_seconds_count")).toEqual([
      'relay_delivery_duration_seconds_count{target="ci-bot"} 4',
    ]);
  });

  test("counts no attempt where a delivery was put back untried", async () => {
    const { metrics, queue } = setUp();
    await deliver(queue, "done");
    await queue.replay("1".padStart(26, "0"), null);
    const [claim] = await queue.claim("ci-bot", { first: 1, retry: 0 });
    await claim?.settle({ outcome: "released", dueAt: 0 });
    expect(await samples(metrics, "relay_deliveries_total")).toEqual([
      'relay_deliveries_total{target="ci-bot",outcome="done"} 1',
      'relay_deliveries_total{target="ci-bot",outcome="retry"} 0',
      'relay_deliveries_total{target="ci-bot",outcome="dead"} 0',
    ]);
  });

  test("shows the queue as it is at the time of the scrape", async () => {
    const { metrics, queue, clock } = setUp();
    await deliver(queue, "retry");
    await deliver(queue, "dead");
    queue.faults.checks = [
      { name: "disk", ok: false, detail: "full" },
      { name: "storage", ok: true, detail: "" },
    ];
    await queue.setPaused("ci-bot", true);
    const stats = await queue.stats();
    queue.stats = () => Promise.resolve({ ...stats, bytes: 4096, oldestWaitingAt: clock.now() - 90_000 });
    expect(await samples(metrics, "relay_queue_events")).toEqual([
      'relay_queue_events{state="waiting"} 1',
      'relay_queue_events{state="sending"} 0',
      'relay_queue_events{state="done"} 0',
      'relay_queue_events{state="dead"} 1',
    ]);
    expect(await samples(metrics, "relay_queue_bytes")).toEqual(["relay_queue_bytes 4096"]);
    expect(await samples(metrics, "relay_queue_oldest_seconds")).toEqual(["relay_queue_oldest_seconds 90"]);
    expect(await samples(metrics, "relay_check_ok")).toEqual([
      'relay_check_ok{check="disk"} 0',
      'relay_check_ok{check="storage"} 1',
    ]);
    expect(await samples(metrics, "relay_target_paused")).toEqual(['relay_target_paused{target="ci-bot"} 1']);
    expect(await samples(metrics, "relay_target_breaker_open")).toEqual([
      'relay_target_breaker_open{target="ci-bot"} 1',
    ]);
    metrics.sync(3);
    expect(await samples(metrics, "relay_storage_sync_seconds_count")).toEqual([
      "relay_storage_sync_seconds_count 1",
    ]);
  });

  test("shows the checks of the program and the disk, where there is one", async () => {
    const { queue } = setUp();
    const metrics = createMetrics({
      queue,
      now: () => 0,
      process: false,
      checks: () => [{ name: "delivery", ok: true, detail: "" }],
      disk: () => Promise.resolve({ freeBytes: 1000, floorBytes: 200 }),
    });
    made.push(metrics);
    expect(await samples(metrics, "relay_check_ok")).toEqual(['relay_check_ok{check="delivery"} 1']);
    expect(await samples(metrics, "relay_disk_free_bytes")).toEqual(["relay_disk_free_bytes 1000"]);
    expect(await samples(metrics, "relay_disk_floor_bytes")).toEqual(["relay_disk_floor_bytes 200"]);
    const elsewhere = createMetrics({
      queue,
      now: () => 0,
      process: false,
      disk: () => Promise.resolve(null),
    });
    made.push(elsewhere);
    expect(await samples(elsewhere, "relay_disk_free_bytes")).toEqual([]);
  });

  test("goes on where the storage is out of reach: without its figures, and with the check that says so", async () => {
    const { metrics, queue } = setUp();
    const away = new UpstreamError("storage", "Redis is out of reach", { retryable: true });
    queue.stats = () => Promise.reject(away);
    queue.faults.checks = [{ name: "redis", ok: false, detail: "out of reach" }];
    metrics.request("unavailable", "push", 2);
    for (const name of ["relay_queue_events", "relay_queue_bytes", "relay_queue_oldest_seconds"])
      expect(await samples(metrics, name)).toEqual([]);
    expect(await samples(metrics, "relay_target_paused")).toEqual([]);
    expect(await samples(metrics, "relay_check_ok")).toEqual(['relay_check_ok{check="redis"} 0']);
    expect(await metrics.text()).toContain('status="unavailable",event="push"} 1');
    queue.stats = () => Promise.reject(new Error("a bug"));
    await expect(metrics.text()).rejects.toThrow("a bug");
  });

  test("tells listeners of each answered webhook until they stop or it is closed", async () => {
    const { metrics, queue } = setUp();
    const seen: string[] = [];
    const stop = metrics.onRequest((status, durationMs) => void seen.push(`${status} ${durationMs}`));
    metrics.request("accepted", "push", 2);
    stop();
    metrics.request("accepted", "push", 2);
    expect(seen).toEqual(["accepted 2"]);
    expect((await queue.stats()).events).toBe(0);
  });

  test("shows the process as well", async () => {
    const { metrics } = setUp(true);
    const text = await metrics.text();
    for (const name of [
      "process_resident_memory_bytes",
      "process_cpu_seconds_total",
      "process_start_time_seconds",
    ])
      expect(text).toContain(`\n${name} `);
  });

  test.runIf(hasPromtool)("gives promtool nothing to say, lint included", async () => {
    const { metrics, queue } = setUp(true);
    metrics.request("accepted", "push", 2);
    metrics.sync(1);
    queue.faults.checks = [{ name: "disk", ok: true, detail: "" }];
    for (const outcome of ["retry", "dead", "done"] as const) await deliver(queue, outcome);
    const check = spawnSync("promtool", ["check", "metrics"], {
      input: await metrics.text(),
      encoding: "utf8",
    });
    expect([check.stdout, check.stderr, check.status]).toEqual(["", "", 0]);
  });
});
