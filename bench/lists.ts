/**
 * The operator's lists with COUNT events of 4 KB retained: how long each page takes, newest first, filtered, deep inside, found
 * nothing; and whether memory stays where it was. Half of the events are delivered, some are dead, the rest waits.
 *
 *   npx tsx bench/lists.ts [COUNT] [ROUNDS]          default 100000 15
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../lib/clock.ts";
import { silentLog } from "../lib/log.ts";
import { createRouting } from "../relay/routing/routing.ts";
import { MemoryAuditTrail } from "../test/helpers/admin.ts";
import { createAdmin } from "../relay/admin/admin.ts";
import { configSchema } from "../relay/config/schema.ts";
import { createAddressRules } from "../relay/http/client-address.ts";
import { createMinuteStats } from "../relay/observe/hour/minute-stats.ts";
import { createMetrics } from "../relay/observe/metrics.ts";
import { openQueue } from "../test/helpers/storage.ts";
import type { NewEvent } from "../relay/event/event.ts";
import { createReplayDesk } from "../relay/replay/jobs.ts";
import type { Queue } from "../relay/queue/queue.ts";
import type { ReplayQueue } from "../relay/queue/replay-job.ts";
import { report, rows, type Measured } from "./lib.ts";

const BODY_BYTES = 4096;
const IN_FLIGHT = 512;
const MB = 1024 * 1024;
const KINDS = ["push", "merge_request", "pipeline", "build", "note"];

const [countText = "100000", roundsText = "15"] = process.argv.slice(2);
const count = Number(countText);
const rounds = Number(roundsText);
const base = mkdtempSync(join(tmpdir(), "relay-lists-"));
const config = configSchema.parse({
  admin: { token: "bench-admin-token" },
  queue: { fs: { base, minFreeBytes: 0 } },
});

try {
  const queue = await openQueue({
    clock: systemClock,
    log: silentLog,
    random: Math.random,
    onSync: () => {},
    settings: () => config.queue,
  });
  await fill(queue);
  const { admin, get } = operator(queue);
  const middle = await cursorInTheMiddle(get);
  const pages: readonly (readonly [string, string])[] = [
    ["overview", "/"],
    ["newest events", "/events"],
    ["newest events, 500", "/api/v1/events?limit=500"],
    ["events in the middle", `/events?cursor=${middle}`],
    ["one project", "/events?project=acme/project-17"],
    ["one kind", "/events?kind=note"],
    ["dead letters", "/dead"],
    ["waiting of one target", "/events?state=waiting&target=slow"],
    ["text that is rare", "/events?q=delivery-77777"],
    ["text that is nowhere", "/events?q=nowhere-at-all"],
    ["actor who did nothing", "/events?actor=nobody"],
    ["time range of the past", "/events?to=2020-01-01"],
    ["preview of a bulk replay", "/events/replay?project=acme/project-17"],
  ];
  for (const [, path] of pages) await get(path);
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  const times = pages.map((): number[] => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, [, path]] of pages.entries()) {
      const began = performance.now();
      await get(path);
      times[index]?.push(performance.now() - began);
    }
  }
  globalThis.gc?.();
  const grown = (process.memoryUsage().rss - before) / MB;
  const measured: Measured[] = pages.map(([name], index) => ({
    name,
    unit: "ms",
    values: times[index] ?? [],
  }));
  report(
    "lists",
    rows(measured, () => null),
    {
      events: count,
      bodyBytes: BODY_BYTES,
      pagesAsked: rounds * pages.length,
      rssBeforeMb: Math.round(before / MB),
      rssGrownMb: Math.round(grown),
      slowestMs: Math.round(Math.max(...measured.flatMap((one) => one.values))),
    },
  );
  admin.close();
  await queue.close();
} finally {
  rmSync(base, { recursive: true, force: true });
}

async function fill(queue: Queue): Promise<void> {
  queue.setRouting(
    (meta) => [{ target: meta.deliveryId?.endsWith("9") === true ? "slow" : "fast", lane: null }],
    ["fast", "slow"],
  );
  const body = randomBytes(BODY_BYTES);
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < count) await queue.enqueue(newEvent(next++, body));
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, one));
  const wanted = Math.floor(count / 2);
  for (let settled = 0; settled < wanted;) {
    const claims = await queue.claim("fast", { first: 256, retry: 0 });
    if (claims.length === 0) break;
    await Promise.all(
      claims.map((claim, index) => {
        const attempt = { at: Date.now(), durationMs: 9, status: 200, error: null, excerpt: "ok" };
        return claim.settle(
          index % 100 === 0
            ? {
                outcome: "dead",
                at: Date.now(),
                attempt: { ...attempt, status: 410, error: "answered 410" },
                reason: "answered 410",
              }
            : { outcome: "done", at: Date.now(), attempt },
        );
      }),
    );
    settled += claims.length;
  }
}

function operator(queue: ReplayQueue) {
  const metrics = createMetrics({ queue, now: () => Date.now(), process: false });
  const minutes = createMinuteStats(metrics, queue, systemClock);
  const admin = createAdmin({
    minutes,
    attention: async () => [],
    queue,
    replays: createReplayDesk({
      jobs: queue.replayJobs,
      clock: systemClock,
      log: silentLog,
      targets: () => [],
      wake: () => {},
    }),
    clock: systemClock,
    log: silentLog,
    metrics,
    config: () => config,
    targets: () => [],
    targetMinutes: () => [],
    sessions: { salt: async () => "bench", epoch: () => ({ read: async () => 0, advance: async () => 0 }) },
    audit: new MemoryAuditTrail(),
    recoveries: () => [],
    fetch: () => Promise.reject(new TypeError("no provider")),
    addresses: () => createAddressRules(config.server),
    version: "bench",
    routing: createRouting({ clock: systemClock, log: silentLog, env: {} }),
    secretFile: () => null,
  });
  const incoming = { socket: { remoteAddress: "127.0.0.1" }, httpVersion: "1.1" };
  const get = async (path: string): Promise<string> => {
    const headers = { Authorization: `Bearer ${config.admin.token}` };
    const response = await admin.app.request(path, { headers }, { incoming });
    if (response.status !== 200) throw new Error(`${path} answered ${response.status}`);
    return response.text();
  };
  return { admin, get };
}

async function cursorInTheMiddle(get: (path: string) => Promise<string>): Promise<string> {
  let cursor = "";
  for (let seen = 0; seen < count / 2; seen += 500) {
    const page = JSON.parse(await get(`/api/v1/events?limit=500&cursor=${cursor}`)) as {
      cursor: string | null;
    };
    cursor = page.cursor ?? cursor;
  }
  return encodeURIComponent(cursor);
}

function newEvent(number: number, body: Uint8Array): NewEvent {
  const deliveryId = `delivery-${number}`;
  const kind = KINDS[number % KINDS.length] as string;
  return {
    dedupeKey: `id:${deliveryId}`,
    body,
    meta: {
      receivedAt: Date.now(),
      header: "Push Hook",
      kind,
      eventName: kind,
      action: null,
      projectId: number % 500,
      projectPath: `acme/project-${number % 500}`,
      groupId: null,
      groupPath: null,
      ref: "refs/heads/main",
      actor: `user-${number % 300}`,
      hookKey: null,
      instance: "https://gitlab.example.com",
      deliveryId,
      recovered: false,
      verifiedBy: ["token"],
      verifiedMs: 0.4,
      bodyBytes: body.length,
      headers: [
        ["content-type", "application/json"],
        ["user-agent", "GitLab/18.0.0"],
        ["idempotency-key", deliveryId],
      ],
    },
  };
}
