/**
 * Hours of steady work: so many events a second, a target that fails now and then, and what the relay holds all the while. One command:
 *
 *   npx tsx bench/soak.ts [--minutes 60] [--rate 200] [--retain-seconds 600] [--snapshots DIR]
 *
 * Prints RSS and its parts, descriptors, disk and counts every minute, and at the end the slope of RSS over the last two thirds, in MB per hour.
 * What was delivered is kept and remembered for ten minutes only, so that the relay reaches a steady state. Exit status 1 if an event was refused or not delivered.
 *
 * If RSS grows, the parts say where: `heap used` that grows is a leak of objects (`--snapshots` writes a heap snapshot after each third, to be compared in a
 * browser's developer tools), `buffers` that grow are bodies kept, and RSS that grows alone is an allocator that does not give memory back.
 */
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync, rmSync, mkdtempSync, statSync, writeFileSync } from "node:fs";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { report, rows } from "./lib.ts";
import type { MemoryAnswer, MemoryQuestion } from "./servers/memory-probe.ts";
import { freePort } from "../test/helpers/free-port.ts";

const { values: options } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    rate: { type: "string", default: "200" },
    "retain-seconds": { type: "string", default: "600" },
    snapshots: { type: "string" },
  },
});
const minutes = Number(options.minutes);
const rate = Number(options.rate);
const SECRET = "soak-secret-of-32-characters-000";
/** Between two looks at the process, in milliseconds. */
const LOOK_MS = 5_000;
/** The target fails for the first seconds of every second minute, and one request in a hundred besides. */
const OUTAGE_MS = 8_000;
/** Longest wait for what is left at the end, in milliseconds. */
const DRAIN_MS = 120_000;
const KB_PER_MB = 1024;

interface Look {
  readonly hours: number;
  readonly rssMb: number;
}

const counts = { accepted: 0, refused: 0, delivered: 0, failed: 0 };
const began = performance.now();
const elapsed = (): number => performance.now() - began;

const target = createServer((incoming, answer) => {
  incoming.resume().on("end", () => {
    const isOut = elapsed() % 120_000 < OUTAGE_MS || Math.random() < 0.01;
    if (isOut) counts.failed += 1;
    else counts.delivered += 1;
    answer.writeHead(isOut ? 503 : 204).end();
  });
});
await once(target.listen(0, "127.0.0.1"), "listening");
const { port: targetPort } = target.address() as AddressInfo;

const folder = mkdtempSync(join(tmpdir(), "relay-soak-"));
const settings = {
  queue: {
    // Remembered for as long as it is kept: a memory of a week grows for a week, by 20 to 30 bytes a delivery.
    dedupeSeconds: Number(options["retain-seconds"]),
    retain: { deliveredSeconds: Number(options["retain-seconds"]) },
  },
  targets: {
    bot: {
      type: "http",
      url: `http://127.0.0.1:${targetPort}/`,
      retry: { baseSeconds: 1, capSeconds: 10 },
      breaker: { failures: 10, cooldownSeconds: 2 },
    },
  },
};
writeFileSync(join(folder, "relay.yaml"), JSON.stringify(settings));
const port = await freePort();
const relay = spawn(
  process.execPath,
  ["--import", "tsx", "--import", "./bench/servers/memory-probe.ts", "relay/main.ts"],
  {
    cwd: new URL("..", import.meta.url),
    env: {
      // As `npm start` and the systemd unit have it; what is set already wins.
      MALLOC_ARENA_MAX: "2",
      MALLOC_MMAP_THRESHOLD_: "131072",
      ...process.env,
      HOST: "127.0.0.1",
      PORT: String(port),
      RELAY_CONFIG: join(folder, "relay.yaml"),
      RELAY_DATA_DIR: join(folder, "data"),
      GITLAB_WEBHOOK_SECRET: SECRET,
      LOG_LEVEL: "error",
    },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  },
);
const ended = once(relay, "exit");
const agent = new Agent({ keepAlive: true, maxSockets: 32 });

async function isReady(): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/readyz`).then(
    (answer) => answer.ok,
    () => false,
  );
}

function send(number: number): void {
  const id = randomUUID();
  const body = JSON.stringify({
    object_kind: "push",
    event_name: "push",
    ref: `refs/heads/feature-${number % 50}`,
    before: number.toString(16).padStart(40, "0"),
    after: (number + 1).toString(16).padStart(40, "0"),
    user_username: `user-${number % 200}`,
    project: { id: (number % 300) + 1, path_with_namespace: `acme/project-${number % 300}` },
    commits: [
      {
        id: id.replaceAll("-", "").padEnd(40, "0"),
        message: "m".repeat(2000),
        added: [],
        modified: ["a.ts"],
        removed: [],
      },
    ],
  });
  const headers = {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "x-gitlab-token": SECRET,
    "x-gitlab-event": "Push Hook",
    "idempotency-key": id,
  };
  const outgoing = request(
    { port, host: "127.0.0.1", path: "/webhooks/gitlab", method: "POST", headers, agent },
    (answer) => {
      answer.resume();
      if (answer.statusCode === 202) counts.accepted += 1;
      else counts.refused += 1;
    },
  );
  outgoing.on("error", () => (counts.refused += 1));
  outgoing.end(body);
}

/** Resident memory of the relay in MB. Linux alone tells it, and the descriptors, without another program. */
function rssMb(): number {
  const status = readFileSync(`/proc/${relay.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / KB_PER_MB;
}

async function ask(question: MemoryQuestion): Promise<MemoryAnswer> {
  relay.send(question);
  const [answer] = (await once(relay, "message")) as [MemoryAnswer];
  return answer;
}

function diskMb(path: string): number {
  const sizes = readdirSync(path, { recursive: true, withFileTypes: true }).map((entry) => {
    const stats = entry.isFile()
      ? statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })
      : undefined;
    return stats?.size ?? 0;
  });
  return sizes.reduce((sum, size) => sum + size, 0) / 2 ** 20;
}

/** Least squares: MB per hour. */
function slope(looks: readonly Look[]): number {
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const [x, y] = [mean(looks.map((l) => l.hours)), mean(looks.map((l) => l.rssMb))];
  const spread = looks.reduce((sum, l) => sum + (l.hours - x) ** 2, 0);
  return looks.reduce((sum, l) => sum + (l.hours - x) * (l.rssMb - y), 0) / spread;
}

while (!(await isReady())) {
  if (relay.exitCode !== null) throw new Error("the relay ended before it was ready");
  await sleep(100);
}

console.log(
  "| minute | RSS MB | heap MB | heap used | external | buffers | descriptors | disk MB | accepted | refused | delivered | failed attempts |",
);
console.log("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
const looks: Look[] = [];
const start = elapsed();
let sent = 0;
let nextLook = 0;
let nextLine = 0;
/** Thirds of the run after which a snapshot was written. */
let thirds = 0;
for (let now = 0; now < minutes * 60_000; now = elapsed() - start) {
  for (const due = (now / 1000) * rate; sent < due; sent += 1) send(sent);
  if (now >= nextLook) {
    looks.push({ hours: now / 3_600_000, rssMb: rssMb() });
    nextLook += LOOK_MS;
  }
  if (now >= nextLine) {
    const descriptors = readdirSync(`/proc/${relay.pid}/fd`).length;
    const disk = diskMb(join(folder, "data")).toFixed(0);
    const { rss, heapTotal, heapUsed, external, arrayBuffers } = await ask({ ask: "memory" });
    const parts = [rss, heapTotal, heapUsed, external, arrayBuffers].map((bytes) =>
      (bytes / 2 ** 20).toFixed(0),
    );
    console.log(
      `| ${Math.round(now / 60_000)} | ${parts.join(" | ")} | ${descriptors} | ${disk} | ${Object.values(counts).join(" | ")} |`,
    );
    nextLine += 60_000;
  }
  if (options.snapshots !== undefined && now >= ((thirds + 1) * minutes * 60_000) / 3) {
    thirds += 1;
    await ask({ ask: "snapshot", file: join(options.snapshots, `soak-${thirds}.heapsnapshot`) });
  }
  await sleep(5);
}
const drainUntil = elapsed() + DRAIN_MS;
while (counts.delivered < counts.accepted && elapsed() < drainUntil) await sleep(100);

const steady = looks.filter(({ hours }) => hours >= minutes / 60 / 3);
const measured = [
  { name: "slope of RSS, last two thirds", unit: "MB/h", values: [slope(steady)] },
  { name: "RSS at the end", unit: "MB", values: [rssMb()] },
];
report(
  "soak",
  rows(measured, () => null),
  { minutes, rate, ...counts },
);

relay.kill("SIGTERM");
await ended;
agent.destroy();
target.closeAllConnections();
target.close();
rmSync(folder, { recursive: true });
if (counts.refused > 0 || counts.delivered < counts.accepted) {
  console.error(`${counts.refused} refused, ${counts.accepted - counts.delivered} not delivered`);
  process.exitCode = 1;
}
