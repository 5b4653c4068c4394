/**
 * A backlog: COUNT events of 4 KB wait for a target that is down. How fast it is filled, how much memory the process takes, how soon a
 * new one is ready after kill -9, and what it reads for that. With --base, the same journal is also opened by that build, in turns.
 * Linux only. Takes some 5 KB of the temporary folder for each event.
 *
 *   npx tsx bench/backlog.ts [COUNT] [ROUNDS] [--base COMMIT]        default 1000000 3
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { systemClock } from "../lib/clock.ts";
import { silentLog } from "../lib/log.ts";
import { tuneCollector } from "../relay/process/collector.ts";
import type { NewEvent } from "../relay/event/event.ts";
import { openFilesQueue } from "../relay/storage/files/queue.ts";
import type { Queue } from "../relay/queue/queue.ts";
import { openStorage } from "../relay/storage/files/open-journal.ts";
import { checkOutBase } from "./base.ts";
import { report, rows, startChild, type Measured } from "./lib.ts";

const BODY_BYTES = 4096;
const IN_FLIGHT = 1024;
const MB = 1024 * 1024;
/** Of `/proc/<pid>/stat`, on every machine that Node runs on. */
const TICKS_PER_SECOND = 100;

interface Opened {
  readonly readyMs: number;
  readonly cpuSeconds: number;
  readonly readMb: number;
  readonly rssMb: number;
  readonly peakMb: number;
  /** What it takes more than a process without events. */
  readonly bytesEach: number;
  readonly listMs: number;
  readonly claimMs: number;
}

/** What a start is measured by: name, unit, and where Opened has it. */
const FIGURES: readonly (readonly [name: string, unit: string, field: keyof Opened])[] = [
  ["ready after kill -9", "ms", "readyMs"],
  ["processor time up to then, with the program", "s", "cpuSeconds"],
  ["read up to then, with the program", "MB", "readMb"],
  ["RSS after the restart", "MB", "rssMb"],
  ["RSS after the restart, peak", "MB", "peakMb"],
  ["RSS of each event", "bytes", "bytesEach"],
  ["first page of a list", "ms", "listMs"],
  ["claim of 64", "ms", "claimMs"],
];

tuneCollector();
const [mode = "", ...rest] = process.argv.slice(2);
if (mode === "--fill") await fill(rest[0] as string, Number(rest[1]));
else if (mode === "--open") await reopen(rest[0] as string);
else {
  const { positionals, values } = parseArgs({
    options: { base: { type: "string" } },
    allowPositionals: true,
  });
  const [count = "1000000", rounds = "3"] = positionals;
  await measure(Number(count), Number(rounds), values.base);
}

/** Opens a queue in its own process, which is killed again. */
async function open(script: string, folder: string): Promise<Omit<Opened, "bytesEach">> {
  const child = await startChild([script, "--open", folder]);
  const proc = `/proc/${child.process.pid}`;
  const [, readBytes] = /^rchar: (\d+)$/m.exec(readFileSync(`${proc}/io`, "utf8")) ?? [];
  const [, userTicks, systemTicks] =
    /^\d+ \(.*\) \S+(?: -?\d+){10} (\d+) (\d+) /.exec(readFileSync(`${proc}/stat`, "utf8")) ?? [];
  child.process.kill("SIGKILL");
  return {
    ...(child.ready as Pick<Opened, "readyMs" | "rssMb" | "peakMb" | "listMs" | "claimMs">),
    readMb: Number(readBytes) / MB,
    cpuSeconds: (Number(userTicks) + Number(systemTicks)) / TICKS_PER_SECOND,
  };
}

async function measure(count: number, rounds: number, commit: string | undefined): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "relay-backlog-"));
  const base = checkOutBase(commit === undefined ? [] : ["--base", commit]);
  const self = fileURLToPath(import.meta.url);
  const builds = new Map([["this build", self]]);
  if (base !== null) builds.set(base.commit, join(base.folder, "bench/backlog.ts"));
  try {
    const filled = join(folder, "filled");
    mkdirSync(filled);
    const filler = await startChild([self, "--fill", filled, String(count)]);
    filler.process.kill("SIGKILL");
    const measured: Measured[] = [
      { name: "fill", unit: "events/s", values: [filler.ready["perSecond"] as number] },
      { name: "RSS while filling, peak", unit: "MB", values: [filler.ready["peakMb"] as number] },
      { name: "RSS with the backlog", unit: "MB", values: [filler.ready["rssMb"] as number] },
    ];
    const opened = new Map<string, Opened[]>();
    for (let round = 0; round < rounds; round++) {
      for (const [build, script] of builds) {
        const empty = join(folder, `empty-${build}-${round}`);
        const idle = await open(script, empty);
        const start = await open(script, filled);
        const bytesEach = ((start.rssMb - idle.rssMb) * MB) / count;
        opened.set(build, [...(opened.get(build) ?? []), { ...start, bytesEach }]);
      }
    }
    for (const [build, starts] of opened)
      for (const [name, unit, field] of FIGURES)
        measured.push({ name: `${name}, ${build}`, unit, values: starts.map((one) => one[field]) });
    const table = rows(measured, (name) =>
      base !== null && name.endsWith(", this build") ? name.replace("this build", base.commit) : null,
    );
    const journal = join(filled, "journal");
    const bytes = readdirSync(journal).reduce((sum, name) => sum + statSync(join(journal, name)).size, 0);
    report("backlog", table, { events: count, bodyBytes: BODY_BYTES, journalMb: bytes / MB });
  } finally {
    rmSync(folder, { recursive: true, force: true });
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
