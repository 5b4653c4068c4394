/**
 * What a waiting event takes in Redis, and whether everything goes again: 20,000 events with a body of 4 KB wait; then 100,000
 * are stored, delivered, expired and forgotten, and the keys are counted.
 */
import { Redis } from "ioredis";
import { systemClock } from "../lib/clock.ts";
import { silentLog } from "../lib/log.ts";
import { configSchema } from "../relay/config/schema.ts";
import type { Queue } from "../relay/queue/queue.ts";
import { openQueue } from "../test/helpers/storage.ts";
import { eventMeta } from "../test/helpers/events.ts";
import { startRedis } from "../test/helpers/redis-server.ts";
import { pushBody } from "./load.ts";
import { report, rows, type Measured } from "./lib.ts";

const WAITING = Number(process.env["EVENTS"] ?? 20_000);
const PASSING = Number(process.env["PASSING"] ?? 100_000);
const BODY_BYTES = 4096;
const LIMIT_BYTES = 1.3 * BODY_BYTES + 600;
const TOGETHER = 64;
const WEEK_SECONDS = 604_800;
/** Short, so that the end can be waited for. */
const SHORT_SECONDS = 5;

/** As GitLab sends them. */
const HEADERS: readonly (readonly [string, string])[] = [
  ["content-type", "application/json"],
  ["user-agent", "GitLab/18.4.0"],
  ["x-gitlab-event", "Push Hook"],
  ["x-gitlab-webhook-uuid", "b3b4d7d5-0f6e-4d3b-9d4b-5a2f0a3c1e11"],
  ["x-gitlab-instance", "https://gitlab.example.com"],
  ["x-gitlab-event-uuid", "6c1d5a4e-9a3f-4a55-8f0e-1c2b3a4d5e6f"],
  ["idempotency-key", "f1e2d3c4-b5a6-4788-99aa-bbccddeeff00"],
];

const redis = await startRedis();
const inspect = new Redis(redis.url);

async function open(prefix: string, dedupeSeconds: number): Promise<Queue> {
  const { queue: config } = configSchema.parse({
    queue: {
      driver: "redis",
      redis: { url: redis.url, prefix },
      dedupeSeconds,
      retain: { deliveredSeconds: 0, deadSeconds: 0 },
    },
  });
  const deps = { clock: systemClock, random: Math.random, log: silentLog, onSync: () => {} };
  const queue = await openQueue({ ...deps, settings: () => config });
  queue.setRouting(() => [{ target: "sink", lane: null }], ["sink"]);
  await queue.claim("sink", { first: 1, retry: 1 });
  return queue;
}

const body = pushBody(BODY_BYTES);
const { id: _none, ...meta } = eventMeta({ bodyBytes: body.length, headers: HEADERS });
async function store(queue: Queue, name: string, count: number): Promise<void> {
  for (let from = 0; from < count; from += TOGETHER) {
    await Promise.all(
      Array.from({ length: Math.min(TOGETHER, count - from) }, (_, i) => {
        const deliveryId = `${name}-${from + i}`;
        const event = {
          meta: { ...meta, deliveryId, receivedAt: Date.now() },
          body,
          dedupeKey: `id:${deliveryId}`,
        };
        return queue.enqueue(event);
      }),
    );
  }
}

const used = async (): Promise<number> => Number(/used_memory:(\d+)/.exec(await inspect.info("memory"))![1]);

const waiting = await open("waiting", WEEK_SECONDS);
const before = await used();
await store(waiting, "waiting", WAITING);
const perEvent = ((await used()) - before) / WAITING;
await waiting.close();
await inspect.flushall();

const passing = await open("passing", SHORT_SECONDS);
const keysBefore = await inspect.dbsize();
await store(passing, "passing", PASSING);
const keysBetween = await inspect.dbsize();
for (let ended = 0; ended < PASSING;) {
  const claims = await passing.claim("sink", { first: 500, retry: 500 });
  const at = Date.now();
  const attempt = { at, durationMs: 1, status: 204, error: null, excerpt: null };
  await Promise.all(claims.map((claim) => claim.settle({ outcome: "done", at, attempt })));
  ended += claims.length;
}
while ((await passing.stats()).events > 0) await passing.expire();
const until = performance.now() + 60_000;
while ((await inspect.dbsize()) > keysBefore && performance.now() < until) {
  await new Promise((resolve) => {
    setTimeout(resolve, 500);
  });
}
const keysAfter = await inspect.dbsize();
await passing.close();
inspect.disconnect();
await redis.close();

const measured: Measured[] = [
  { name: "memory of a waiting event", unit: "bytes", values: [perEvent] },
  { name: "keys before", unit: "keys", values: [keysBefore] },
  { name: `keys with ${PASSING} events`, unit: "keys", values: [keysBetween] },
  { name: "keys after retention and dedupe window", unit: "keys", values: [keysAfter] },
];
report(
  "redis-memory",
  rows(measured, () => null),
  {
    events: WAITING,
    bodyBytes: BODY_BYTES,
    "memory of a waiting event (wanted: at most 1.3 x body + 600)": `${Math.round(perEvent)} of ${LIMIT_BYTES}`,
  },
);
process.exitCode = perEvent <= LIMIT_BYTES && keysAfter === keysBefore ? 0 : 1;
