/**
 * How fast a backlog drains to a local sink, done marks durable: the relay's delivery against a BullMQ worker on a Redis with
 * `appendfsync always`, and what a delivery costs in processor time. The worker under test has core 0 to itself, sink and Redis share
 * core 1. `--base <commit>`: that build of the relay takes turns with this one.
 */
import { spawnSync } from "node:child_process";
import { loadavg } from "node:os";
import { join } from "node:path";
import { startRedis } from "../test/helpers/redis-server.ts";
import { checkOutBase } from "./base.ts";
import { cpuSeconds, median, report, rows, startChild, type Measured } from "./lib.ts";

const EVENTS = Number(process.env["EVENTS"] ?? 40_000);
/** So many of them before the clock starts: until then either side is busy compiling. */
const WARM_UP = Number(process.env["WARM_UP"] ?? EVENTS / 2);
const ROUNDS = Number(process.env["ROUNDS"] ?? 5);
/** Names of variants to be measured, with a comma between them; empty: all. */
const ONLY = (process.env["ONLY"] ?? "").split(",").filter((name) => name !== "");
const BODY_BYTES = 10_240;
const CONCURRENCY = 64;
const WANTED = 3.5;
const WANTED_CPU = 1.03;

const file = (name: string): string => new URL(name, import.meta.url).pathname;

interface Variant {
  readonly name: string;
  readonly by: "relay" | "bullmq";
  readonly script: string;
}

interface Result {
  readonly perSecond: number;
  /** Of the worker's process, in microseconds. */
  readonly cpuPerDelivery: number;
}

const base = checkOutBase();
const script = file("servers/drain.ts");
const allVariants: readonly Variant[] = [
  { name: "BullMQ", by: "bullmq", script },
  { name: "relay", by: "relay", script },
  ...(base === null
    ? []
    : [{ name: "base", by: "relay", script: join(base.folder, "bench/servers/drain.ts") } as const]),
];
const variants = allVariants.filter(({ name }) => ONLY.length === 0 || ONLY.includes(name));

const redis = await startRedis();
if (redis.process.pid !== undefined) spawnSync("taskset", ["-apc", "1", String(redis.process.pid)]);

/** The sink counts: it sees every variant, another build too, in the same way. */
async function measure({ by, script: path }: Variant): Promise<Result> {
  const countAt = [WARM_UP, EVENTS];
  const sink = await startChild([file("servers/sink.ts"), JSON.stringify({ countAt })], { core: 1 });
  const job = {
    by,
    sinkPort: sink.ready["port"],
    redisPort: redis.port,
    events: EVENTS,
    warmUp: WARM_UP,
    bodyBytes: BODY_BYTES,
    concurrency: CONCURRENCY,
  };
  const cpuAt = new Map<number, number>();
  let pid: number | undefined;
  sink.lines.on("line", (line) => cpuAt.set(Number(line), cpuSeconds(pid)));
  const child = await startChild([path, JSON.stringify(job)], {
    core: 0,
    started: (started) => {
      pid = started;
    },
  });
  await Promise.all([child.stop(), sink.stop()]);
  const cpu = (cpuAt.get(EVENTS) ?? Number.NaN) - (cpuAt.get(WARM_UP) ?? Number.NaN);
  return { perSecond: Number(child.ready["perSecond"]), cpuPerDelivery: (cpu / (EVENTS - WARM_UP)) * 1e6 };
}

const results = new Map<string, Result[]>(variants.map(({ name }) => [name, []]));
const loadBefore = loadavg()[0];
for (let round = 0; round < ROUNDS; round++) {
  for (const variant of variants) {
    const result = await measure(variant);
    results.get(variant.name)!.push(result);
    console.log(variant.name, Math.round(result.perSecond), result.cpuPerDelivery.toFixed(1));
  }
}
await redis.close();

const speeds: Measured[] = [...results].map(([name, of]) => ({
  name,
  unit: "events/s",
  values: of.map(({ perSecond }) => perSecond),
}));
const costs: Measured[] = [...results].map(([name, of]) => ({
  name: `${name}, CPU a delivery`,
  unit: "us",
  values: of.map(({ cpuPerDelivery }) => cpuPerDelivery),
}));
const table = [
  ...rows(speeds, (name) => (name === "BullMQ" ? null : "BullMQ")),
  ...rows(costs, (name) => (name.startsWith("base") ? null : "base, CPU a delivery")),
];

/** NaN if the variant was left out. */
const at = (name: string): number => median([...speeds, ...costs].find((m) => m.name === name)?.values ?? []);
const timesBullmq = at("relay") / at("BullMQ");
const cpuOfBase = at("relay, CPU a delivery") / at("base, CPU a delivery");
report("drain", table, {
  events: EVENTS,
  warmUp: WARM_UP,
  bodyBytes: BODY_BYTES,
  concurrency: CONCURRENCY,
  rounds: ROUNDS,
  load: [loadBefore, loadavg()[0]],
  figures: {
    [`relay / BullMQ (wanted: at least ${WANTED})`]: timesBullmq,
    ...(base === null
      ? {}
      : {
          [`relay / ${base.commit}`]: at("relay") / at("base"),
          [`CPU a delivery relay / ${base.commit} (wanted: at most ${WANTED_CPU})`]: cpuOfBase,
        }),
  },
});
process.exitCode = timesBullmq < WANTED || cpuOfBase > WANTED_CPU ? 1 : 0;
