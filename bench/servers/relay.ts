/**
 * The relay under load: the whole app with its checks, on the queue that is asked for. Prints its port.
 *   file   the journal
 *   redis  the shared Redis
 *   none   a queue that keeps nothing: what the app itself costs
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../lib/clock.ts";
import { createLog, createSecrets } from "../../lib/log.ts";
import { tuneCollector } from "../../relay/process/collector.ts";
import { configSchema } from "../../relay/config/schema.ts";
import { createStorageDriver } from "../../relay/storage/open.ts";
import { storageWith } from "../../test/helpers/storage.ts";
import type { Queue } from "../../relay/queue/queue.ts";
import { startRelay } from "../../relay/process/start.ts";

tuneCollector();

interface Job {
  readonly queue: "file" | "redis" | "none";
  readonly token: string;
  readonly redisPort?: number;
}

let kept = 0;

/** Says yes to everything and forgets it. */
const forgetful: Queue = {
  isShared: false,
  enqueue: () => Promise.resolve({ status: "accepted", id: String(kept++) }),
  known: () => Promise.resolve([]),
  setRouting: () => {},
  claim: () => Promise.resolve([]),
  onWork: () => () => {},
  onEvent: () => () => {},
  list: () => Promise.resolve({ events: [], cursor: null, partial: false, looked: 0 }),
  get: () => Promise.resolve(null),
  find: () => Promise.resolve([]),
  body: () => Promise.resolve(null),
  duplicates: () => Promise.resolve(null),
  replay: () => Promise.resolve(null),
  move: () => Promise.resolve(0),
  remove: () => Promise.resolve(false),
  setPaused: () => Promise.resolve(),
  stats: () =>
    Promise.resolve({
      events: 0,
      byState: { waiting: 0, sending: 0, done: 0, dead: 0 },
      targets: new Map(),
      oldestWaitingAt: null,
      bytes: 0,
      remembered: 0,
    }),
  kinds: () => Promise.resolve({ counts: new Map(), isWhole: true }),
  checks: () => [],
  selfCheck: () => Promise.resolve(),
  expire: () => Promise.resolve(0),
  compact: () => Promise.resolve(),
  verify: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

const job = JSON.parse(process.argv[2] as string) as Job;
const folder = mkdtempSync(join(tmpdir(), "relay-bench-"));
const config = configSchema.parse({
  server: { port: 0 },
  gitlab: { secretTokens: [job.token] },
  log: { level: "warn" },
  queue:
    job.queue === "redis"
      ? { driver: "redis", redis: { url: `redis://127.0.0.1:${job.redisPort}` } }
      : { fs: { base: folder, minFreeBytes: 0, maxBytes: 100_000_000_000 } },
});
const secrets = createSecrets();
const relay = await startRelay(config, {
  clock: systemClock,
  log: createLog({ level: "warn", secrets, write: (line) => process.stderr.write(line) }),
  secrets,
  random: Math.random,
  version: "bench",
  installer: [],
  createStorage: job.queue === "none" ? storageWith(forgetful) : createStorageDriver,
});
process.stdout.write(`${JSON.stringify({ port: relay.port })}\n`);
process.once("SIGTERM", () => {
  void relay.stop(0).then(() => {
    rmSync(folder, { recursive: true, force: true });
    process.exit(0);
  });
});
