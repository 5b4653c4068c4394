/** Two Prometheus servers that scrape one relay, or a scrape that is repeated while the first one still waits for the storage. */
import { afterEach, expect, test } from "vitest";
import { configSchema } from "../../../relay/config/schema.ts";
import { registerActivityGauges } from "../../../relay/observe/activity/gauges.ts";
import { everythingOf, report, type Report } from "../../../relay/observe/activity/report.ts";
import { createMetrics } from "../../../relay/observe/metrics.ts";
import { httpServer } from "../../helpers/http-server.ts";
import { createMemoryQueue } from "../../helpers/memory-queue.ts";

const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const QUERY = everythingOf("2026-01-15", "2026-01-15");
const NOTHING = report([], { ...QUERY, members: {} });
const TODAY: Report = {
  ...NOTHING,
  projects: [
    { project: "acme/shop", ...NOTHING.total, commits: 4 },
    { project: "acme/docs", ...NOTHING.total, commits: 3 },
    { project: "acme/tools", ...NOTHING.total, commits: 2 },
  ],
};

/** Serves metrics whose storage answers only when `scrapes` requests are under way. */
async function scraped(scrapes: number): Promise<string> {
  let arrived = 0;
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  const queue = createMemoryQueue();
  queue.setRouting(() => [{ target: "bot", lane: null }], ["bot"]);
  const metrics = createMetrics({
    queue: { ...queue, stats: () => gate.then(() => queue.stats()) },
    now: Date.now,
    process: false,
    disk: () => gate.then(() => ({ freeBytes: 1000, floorBytes: 10 })),
  });
  closing.push(() => metrics.close());
  const { activity } = configSchema.parse({ activity: { prometheus: { enabled: true, maxProjects: 1 } } });
  registerActivityGauges({
    registry: metrics.registry,
    activity: { report: () => gate.then(() => TODAY) },
    now: Date.now,
    settings: () => activity.prometheus,
  });
  const server = await httpServer((_request, response) => {
    arrived += 1;
    void metrics.text().then((text) => response.end(text));
    if (arrived === scrapes) open();
  });
  closing.push(() => server.close());
  return server.url;
}

test("scrapes that overlap all show the same figures, none doubled and none missing", async () => {
  const alone = await (await fetch(await scraped(1))).text();
  const url = await scraped(5);
  const texts = await Promise.all(Array.from({ length: 5 }, async () => (await fetch(url)).text()));
  for (const line of [
    'relay_activity_commits{project="acme/shop"} 4',
    'relay_activity_commits{project="other"} 5',
    'relay_queue_events{state="waiting"} 0',
    "relay_queue_bytes 0",
    "relay_disk_free_bytes 1000",
    'relay_target_paused{target="bot"} 0',
  ])
    expect(alone.split("\n")).toContain(line);
  for (const text of texts) expect(text).toBe(alone);
});
