/**
 * A backlog: COUNT events of 4 KB wait for a target that is down. How fast it is filled, how much memory the process takes, and
 * how soon a new one is ready after kill -9.
 *
 *   npx tsx bench/backlog.ts [COUNT] [ROUNDS]        default 1000000 3
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../lib/clock.ts";
import { silentLog } from "../lib/log.ts";
import { tuneCollector } from "../relay/process/collector.ts";
import type { NewEvent } from "../relay/event/event.ts";
import { openFilesQueue } from "../relay/storage/files/queue.ts";
import type { Queue } from "../relay/queue/queue.ts";
import { openStorage } from "../relay/storage/files/open-journal.ts";
import { report, rows, startChild } from "./lib.ts";

const BODY_BYTES = 4096;
const IN_FLIGHT = 1024;
const MB = 1024 * 1024;

tuneCollector();
const [mode = "", ...rest] = process.argv.slice(2);
if (mode === "--fill") await fill(rest[0] as string, Number(rest[1]));
else if (mode === "--open") await reopen(rest[0] as string);
else await measure(Number(mode === "" ? 1_000_000 : mode), Number(rest[0] ?? 3));

async function measure(count: number, rounds: number): Promise<void> {
  const self = fileURLToPath(import.meta.url);
  const base = mkdtempSync(join(tmpdir(), "relay-backlog-"));
  try {
    const filler = await startChild([self, "--fill", base, String(count)]);
    const filled = filler.ready;
    filler.process.kill("SIGKILL");
    const opened: Record<string, number>[] = [];
    for (let round = 0; round < rounds; round++) {
      const child = await startChild([self, "--open", base]);
      opened.push(child.ready as Record<string, number>);
      child.process.kill("SIGKILL");
    }
    const values = (key: string): number[] => opened.map((figures) => figures[key] as number);
    const table = rows(
      [
        { name: "fill", unit: "events/s", values: [filled["perSecond"] as number] },
        { name: "RSS while filling, peak", unit: "MB", values: [filled["peakMb"] as number] },
        { name: "RSS with the backlog", unit: "MB", values: [filled["rssMb"] as number] },
        { name: "ready after kill -9", unit: "ms", values: values("readyMs") },
        { name: "RSS after the restart", unit: "MB", values: values("rssMb") },
        { name: "RSS after the restart, peak", unit: "MB", values: values("peakMb") },
        { name: "first page of a list", unit: "ms", values: values("listMs") },
        { name: "claim of 64", unit: "ms", values: values("claimMs") },
      ],
      () => null,
    );
    report("backlog", table, { events: count, bodyBytes: BODY_BYTES, waiting: opened[0]?.["waiting"] });
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

async function openQueue(base: string): Promise<Queue> {
  const queue = await openFilesQueue(
    {
      openJournal: async (visitor) => (await openStorage({ base, visitor })).journal,
      clock: systemClock,
      random: Math.random,
      log: silentLog,
    },
    () => ({ dedupeSeconds: 604_800, deliveredSeconds: 86_400, deliveredBytes: 1e9, deadSeconds: 2_592_000 }),
  );
  queue.setRouting(() => [{ target: "down", lane: null }], ["down"]);
  return queue;
}

async function fill(base: string, count: number): Promise<void> {
  const queue = await openQueue(base);
  const body = randomBytes(BODY_BYTES);
  const began = performance.now();
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < count) await queue.enqueue(newEvent(next++, body));
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, one));
  const seconds = (performance.now() - began) / 1000;
  while ((await queue.stats()).byState.waiting < count) await pause(50);
  await pause(3000);
  print({ perSecond: count / seconds, ...memory() });
  await pause(600_000);
}

async function reopen(base: string): Promise<void> {
  const began = performance.now();
  const queue = await openQueue(base);
  const readyMs = performance.now() - began;
  await pause(1000);
  const waiting = (await queue.stats()).byState.waiting;
  const listBegan = performance.now();
  await queue.list({}, 50, null);
  const listMs = performance.now() - listBegan;
  const claimBegan = performance.now();
  await queue.claim("down", { first: 64, retry: 0 });
  print({ readyMs, waiting, listMs, claimMs: performance.now() - claimBegan, ...memory() });
  await pause(600_000);
}

function newEvent(number: number, body: Uint8Array): NewEvent {
  const deliveryId = `delivery-${number}`;
  return {
    dedupeKey: `id:${deliveryId}`,
    body,
    meta: {
      receivedAt: Date.now(),
      header: "Push Hook",
      kind: "push",
      eventName: "push",
      action: null,
      projectId: number % 5000,
      projectPath: `acme/project-${number % 5000}`,
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
        ["x-gitlab-event", "Push Hook"],
        ["idempotency-key", deliveryId],
      ],
    },
  };
}

function memory(): { rssMb: number; peakMb: number } {
  const status = readFileSync("/proc/self/status", "utf8");
  const peak = /VmHWM:\s+(\d+)/.exec(status)?.[1];
  return { rssMb: process.memoryUsage().rss / MB, peakMb: Number(peak) / 1024 };
}

function print(figures: Record<string, number>): void {
  console.log(JSON.stringify(figures));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
