/**
 * How much faster two relays deliver than one: a backlog in Redis (`appendfsync always`), drained to a local sink, done marks
 * durable. Where the machine has fewer cores than relays, Redis and sink need, the rate cannot show it: the processor time that
 * each takes per event does. As long as Redis and sink have some left, a second relay doubles what the relays can do.
 */
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { systemClock } from "../lib/clock.ts";
import { silentLog } from "../lib/log.ts";
import { configSchema } from "../relay/config/schema.ts";
import { openQueue } from "../test/helpers/storage.ts";
import { eventMeta } from "../test/helpers/events.ts";
import { startRedis } from "../test/helpers/redis-server.ts";
import { pushBody } from "./load.ts";
import { median, report, rows, startChild, type Child, type Measured } from "./lib.ts";

const EVENTS = Number(process.env["EVENTS"] ?? 5000);
const ROUNDS = Number(process.env["ROUNDS"] ?? 5);
const BODY_BYTES = 10_240;
const CONCURRENCY = 32;
/** Cores for two relays, Redis and sink. */
const CORES_WANTED = 4;
const WANTED = 1.6;

const file = (name: string): string => new URL(name, import.meta.url).pathname;
const redis = await startRedis();
const sink = await startChild([file("servers/sink.ts")]);
const { queue: config } = configSchema.parse({ queue: { driver: "redis", redis: { url: redis.url } } });
const deps = { clock: systemClock, random: Math.random, log: silentLog, onSync: () => {} };
const queue = await openQueue({ ...deps, settings: () => config });
queue.setRouting(() => [{ target: "sink", lane: null }], ["sink"]);

/** Microseconds of processor time so far; null where the system does not tell. */
function cpuOf(pid: number | undefined): number | null {
  if (process.platform !== "linux" || pid === undefined) return null;
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

const body = pushBody(BODY_BYTES);
const { id: _none, ...meta } = eventMeta({ bodyBytes: body.length });
let stored = 0;
async function fill(): Promise<void> {
  for (let from = 0; from < EVENTS; from += 100) {
    const batch = Array.from({ length: Math.min(100, EVENTS - from) }, () => {
      const deliveryId = `delivery-${(stored += 1)}`;
      return queue.enqueue({
        meta: { ...meta, deliveryId, receivedAt: Date.now() },
        body,
        dedupeKey: `id:${deliveryId}`,
      });
    });
    await Promise.all(batch);
  }
}

interface Round {
  readonly perSecond: number;
  readonly relayCpu: number | null;
  readonly redisCpu: number | null;
}

async function drain(relays: number): Promise<Round> {
  await queue.setPaused("sink", true);
  await fill();
  const job = { redisPort: redis.port, sinkPort: sink.ready["port"], concurrency: CONCURRENCY };
  const children: Child[] = await Promise.all(
    Array.from({ length: relays }, () => startChild([file("servers/redis-relay.ts"), JSON.stringify(job)])),
  );
  const pids = children.map((child) => child.process.pid);
  const cpu = (): (number | null)[] => [...pids, redis.process.pid].map(cpuOf);
  const before = cpu();
  const started = performance.now();
  await queue.setPaused("sink", false);
  for (;;) {
    const { waiting, sending } = (await queue.stats()).byState;
    if (waiting + sending === 0) break;
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
  const seconds = (performance.now() - started) / 1000;
  const spent = cpu().map((now, i) => (now === null ? null : (now - (before[i] ?? 0)) / EVENTS));
  await Promise.all(children.map((child) => child.stop()));
  const ofRelays = spent.slice(0, -1);
  return {
    perSecond: EVENTS / seconds,
    relayCpu: ofRelays.includes(null) ? null : ofRelays.reduce<number>((sum, value) => sum + (value ?? 0), 0),
    redisCpu: spent.at(-1) ?? null,
  };
}

const rounds = { one: [] as Round[], two: [] as Round[] };
for (let round = 0; round < ROUNDS; round++) {
  rounds.one.push(await drain(1));
  rounds.two.push(await drain(2));
}
await queue.close();
await sink.stop();
await redis.close();

const measured: Measured[] = [
  { name: "one relay", unit: "events/s", values: rounds.one.map((r) => r.perSecond) },
  { name: "two relays", unit: "events/s", values: rounds.two.map((r) => r.perSecond) },
];
for (const [name, of] of [
  ["one relay", rounds.one],
  ["two relays", rounds.two],
] as const) {
  const relayCpu = of.flatMap((r) => (r.relayCpu === null ? [] : [r.relayCpu]));
  const redisCpu = of.flatMap((r) => (r.redisCpu === null ? [] : [r.redisCpu]));
  if (relayCpu.length > 0)
    measured.push({ name: `processor, relays, ${name}`, unit: "µs/event", values: relayCpu });
  if (redisCpu.length > 0)
    measured.push({ name: `processor, Redis, ${name}`, unit: "µs/event", values: redisCpu });
}
const table = rows(measured, (name) => (name === "two relays" ? "one relay" : null));
const at = (name: string): number => median(measured.find((m) => m.name === name)?.values ?? [Number.NaN]);
const enough = cpus().length >= CORES_WANTED;
report("redis-delivery", table, {
  events: EVENTS,
  bodyBytes: BODY_BYTES,
  concurrency: CONCURRENCY,
  cores: cpus().length,
  [`two relays / one (wanted: at least ${WANTED} where there are ${CORES_WANTED} cores)`]:
    at("two relays") / at("one relay"),
  "processor time of a relay / of Redis per event: so many relays until Redis is the limit":
    at("processor, relays, one relay") / at("processor, Redis, one relay"),
});
process.exitCode = !enough || at("two relays") / at("one relay") >= WANTED ? 0 : 1;
