/**
 * How fast a backlog drains to a local sink, done marks durable: the relay's delivery against a BullMQ worker on a Redis with
 * `appendfsync always`. The worker under test has core 0 to itself, sink and Redis share core 1.
 */
import { spawnSync } from "node:child_process";
import { startRedis } from "../test/helpers/redis-server.ts";
import { report, rows, startChild, type Measured } from "./lib.ts";

const EVENTS = Number(process.env["EVENTS"] ?? 40_000);
/** So many of them before the clock starts: until then either side is busy compiling. */
const WARM_UP = Number(process.env["WARM_UP"] ?? 20_000);
const ROUNDS = Number(process.env["ROUNDS"] ?? 5);
const BODY_BYTES = 10_240;
const CONCURRENCY = 64;
const WANTED = 2.5;

const file = (name: string): string => new URL(name, import.meta.url).pathname;

const redis = await startRedis();
if (redis.process.pid !== undefined) spawnSync("taskset", ["-apc", "1", String(redis.process.pid)]);
const sink = await startChild([file("servers/sink.ts")], { core: 1 });
const values = { relay: [] as number[], bullmq: [] as number[] };
for (let round = 0; round < ROUNDS; round++) {
  for (const by of ["relay", "bullmq"] as const) {
    const job = {
      by,
      sinkPort: sink.ready["port"],
      redisPort: redis.port,
      events: EVENTS,
      warmUp: WARM_UP,
      bodyBytes: BODY_BYTES,
      concurrency: CONCURRENCY,
    };
    const child = await startChild([file("servers/drain.ts"), JSON.stringify(job)], { core: 0 });
    values[by].push(Number(child.ready["perSecond"]));
    await child.stop();
  }
}
await sink.stop();
await redis.close();

const measured: Measured[] = [
  { name: "BullMQ worker, appendfsync always", unit: "events/s", values: values.bullmq },
  { name: "relay", unit: "events/s", values: values.relay },
];
const table = rows(measured, (name) => (name === "relay" ? "BullMQ worker, appendfsync always" : null));
const ratio = table.find((row) => row.name === "relay")?.ratio ?? 0;
report("drain", table, { events: EVENTS, warmUp: WARM_UP, bodyBytes: BODY_BYTES, concurrency: CONCURRENCY });
process.exitCode = ratio >= WANTED ? 0 : 1;
