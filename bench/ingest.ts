/**
 * How fast a webhook is on stable storage: the relay against the same app with a queue that keeps nothing, and against Hono with
 * BullMQ on a Redis with `appendfsync always`. Server on core 0; load generator and Redis on core 1; rounds interleaved.
 *
 * Closed loop at 1 and 64 connections, then open loop (Poisson arrivals) at 500 requests a second. `--base <commit>`: that build of
 * the relay takes turns with this one.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { DURABLE, startRedis } from "../test/helpers/redis-server.ts";
import { RUNTIMES, hasRuntime } from "../test/helpers/runtimes.ts";
import { checkOutBase } from "./base.ts";
import { cpuSeconds, median, report, rows, startChild, type Measured } from "./lib.ts";
import type { LoadResult } from "./load.ts";

const ROUNDS = Number(process.env["ROUNDS"] ?? 5);
const SECONDS = Number(process.env["SECONDS"] ?? 4);
/** Load before the measurement: on one core it takes some seconds and ten thousand requests until everything is compiled. */
const WARM_UP_SECONDS = Number(process.env["WARM_UP_SECONDS"] ?? 8);
/** Names of variants to be measured, with a semicolon between them; empty: all. */
const ONLY = (process.env["ONLY"] ?? "").split(";").filter((name) => name !== "");
const BODY_BYTES = 10_240;
const TOKEN = "bench-secret-token";

const base = checkOutBase();
const file = (name: string): string => new URL(name, import.meta.url).pathname;
const redis = await startRedis(DURABLE);
if (redis.process.pid !== undefined) spawnSync("taskset", ["-apc", "1", String(redis.process.pid)]);

interface Variant {
  readonly name: string;
  /** Path below bench/, or an absolute one. */
  readonly script: string;
  readonly job: Record<string, unknown>;
  readonly command?: readonly string[];
}

const relay = (queue: string): Variant["job"] => ({ queue, token: TOKEN, redisPort: redis.port });
const allVariants: readonly Variant[] = [
  { name: "keeps nothing", script: "servers/relay.ts", job: relay("none") },
  { name: "relay", script: "servers/relay.ts", job: relay("file") },
  ...(base === null
    ? []
    : [{ name: "base", script: join(base.folder, "bench/servers/relay.ts"), job: relay("file") }]),
  { name: "relay, Redis always", script: "servers/relay.ts", job: relay("redis") },
  { name: "BullMQ always", script: "servers/bullmq.ts", job: { redisPort: redis.port, token: TOKEN } },
  ...(hasRuntime("deno")
    ? [{ name: "relay on Deno", script: "servers/relay.ts", job: relay("file"), command: RUNTIMES.deno }]
    : []),
];
const variants = allVariants.filter(({ name }) => ONLY.length === 0 || ONLY.includes(name));

interface Result extends LoadResult {
  /** Processor time of the server, in microseconds; NaN where the system does not say. */
  readonly cpuPerRequest: number;
}

async function measure(variant: Variant, connections: number, rate: number | null): Promise<Result> {
  const args = [file(variant.script), JSON.stringify(variant.job)];
  const [command, ...leading] = variant.command ?? [];
  const server = await startChild([...leading, ...args], {
    core: 0,
    ...(command === undefined ? {} : { command }),
  });
  const job = { port: server.ready["port"], token: TOKEN, connections, bodyBytes: BODY_BYTES, rate };
  const load = async (seconds: number): Promise<LoadResult> => {
    const child = await startChild([file("load.ts"), JSON.stringify({ ...job, seconds })], { core: 1 });
    await child.stop();
    return child.ready as unknown as LoadResult;
  };
  await load(WARM_UP_SECONDS);
  const before = cpuSeconds(server.process.pid);
  const result = await load(SECONDS);
  const cpuPerRequest = ((cpuSeconds(server.process.pid) - before) / result.answered) * 1e6;
  await server.stop();
  if (result.wrong > 0) throw new Error(`${variant.name}: ${result.wrong} answers were not 2xx`);
  return { ...result, cpuPerRequest };
}

const measured: Measured[] = [];
for (const { connections, rate } of [
  { connections: 1, rate: null },
  { connections: 64, rate: null },
  { connections: 64, rate: 500 },
]) {
  const values = new Map<string, Result[]>(variants.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const variant of variants) values.get(variant.name)!.push(await measure(variant, connections, rate));
  }
  for (const [name, results] of values) {
    if (rate === null) {
      measured.push({
        name: `${name}, ${connections}`,
        unit: "requests/s",
        values: results.map((r) => r.perSecond),
      });
      measured.push({
        name: `${name}, CPU at ${connections}`,
        unit: "us",
        values: results.map((r) => r.cpuPerRequest),
      });
    } else {
      measured.push({ name: `${name}, p99 at ${rate}/s`, unit: "ms", values: results.map((r) => r.p99) });
      measured.push({ name: `${name}, p50 at ${rate}/s`, unit: "ms", values: results.map((r) => r.p50) });
    }
  }
}
await redis.close();

/** NaN where the variant was left out. */
const at = (name: string): number => median(measured.find((m) => m.name === name)?.values ?? []);
const figures = {
  "relay / keeps nothing, 64 connections (wanted: at least 0.75)": at("relay, 64") / at("keeps nothing, 64"),
  "relay / BullMQ always, 64 connections (wanted: at least 2.2)": at("relay, 64") / at("BullMQ always, 64"),
  "relay / BullMQ always, 1 connection (wanted: at least 1.5)": at("relay, 1") / at("BullMQ always, 1"),
  "p99 relay / keeps nothing at 500/s (wanted: at most 2.5)":
    at("relay, p99 at 500/s") / at("keeps nothing, p99 at 500/s"),
  "relay on Redis / BullMQ always, 64 connections (wanted: at least 2)":
    at("relay, Redis always, 64") / at("BullMQ always, 64"),
};
if (base !== null) {
  const { commit } = base;
  const ratio = (what: string): number => at(`relay, ${what}`) / at(`base, ${what}`);
  Object.assign(figures, {
    [`relay / ${commit}, 1 connection (wanted: at least 1.45)`]: ratio("1"),
    [`relay / ${commit}, 64 connections`]: ratio("64"),
    [`p50 relay / ${commit} at 500/s (wanted: at most 0.65)`]: ratio("p50 at 500/s"),
    [`CPU a request relay / ${commit}, 64 connections (wanted: at most 0.8)`]: ratio("CPU at 64"),
  });
}
const suffix = (name: string): string => name.slice(name.lastIndexOf(","));
const table = rows(measured, (name) => {
  const peer = `keeps nothing${suffix(name)}`;
  return name === peer ? null : peer;
});
report("ingest", table, { bodyBytes: BODY_BYTES, secondsPerRound: SECONDS, rounds: ROUNDS, figures });
