/**
 * Drains a backlog to a sink, by the relay or by a BullMQ worker, and prints how long that took as JSON. The time runs from the
 * delivery that ends the warm-up until the mark of the last one is on stable storage.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Queue as BullQueue, Worker } from "bullmq";
import { Pool } from "undici";
import { systemClock } from "../../lib/clock.ts";
import { silentLog } from "../../lib/log.ts";
import { tuneCollector } from "../../relay/process/collector.ts";
import { configSchema } from "../../relay/config/schema.ts";
import { createDeliveryWorkers } from "../../relay/delivery/workers.ts";
import { createTargetsOrFailing } from "../../relay/targets/registry.ts";
import { openQueue } from "../../test/helpers/storage.ts";
import { createRouter } from "../../relay/routing/route.ts";
import { eventMeta } from "../../test/helpers/events.ts";
import { pushBody } from "../load.ts";

tuneCollector();

interface Job {
  readonly by: "relay" | "bullmq";
  readonly sinkPort: number;
  readonly redisPort: number;
  readonly events: number;
  /** Deliveries before the clock starts. */
  readonly warmUp: number;
  readonly bodyBytes: number;
  readonly concurrency: number;
}

async function byRelay(job: Job): Promise<number> {
  const base = mkdtempSync(join(tmpdir(), "relay-drain-"));
  const url = `http://127.0.0.1:${job.sinkPort}/`;
  const config = configSchema.parse({
    queue: { fs: { base, minFreeBytes: 0 } },
    targets: { sink: { type: "http", url, concurrency: job.concurrency } },
  });
  const deps = { clock: systemClock, random: Math.random, log: silentLog };
  const queue = await openQueue({ ...deps, onSync: () => {}, settings: () => config.queue });
  queue.setRouting(createRouter(config), ["sink"]);
  const body = pushBody(job.bodyBytes);
  const { id: _none, ...meta } = eventMeta({ bodyBytes: body.length });
  for (let i = 0; i < job.events; i += 500) {
    const batch = Array.from({ length: Math.min(500, job.events - i) }, (_, k) =>
      queue.enqueue({ meta: { ...meta, deliveryId: `d${i + k}` }, body, dedupeKey: `id:d${i + k}` }),
    );
    await Promise.all(batch);
  }
  while ((await queue.stats()).byState.waiting < job.events) {
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
  const delivery = createDeliveryWorkers({ queue, ...deps, createTarget: createTargetsOrFailing(deps) });
  let started = 0;
  let done = 0;
  await new Promise<void>((resolve) => {
    queue.onEvent((event) => {
      if (event.type !== "settled" || event.delivery.state !== "done") return;
      done += 1;
      if (done === job.warmUp) started = performance.now();
      if (done === job.events) resolve();
    });
    delivery.prepare(config.targets).commit();
  });
  await delivery.stop(1000);
  await queue.close();
  const seconds = (performance.now() - started) / 1000;
  rmSync(base, { recursive: true });
  return seconds;
}

async function byBullmq(job: Job): Promise<number> {
  const connection = { host: "127.0.0.1", port: job.redisPort };
  const queue = new BullQueue("drain", { connection });
  await queue.obliterate({ force: true });
  const body = pushBody(job.bodyBytes).toString("utf8");
  for (let i = 0; i < job.events; i += 500) {
    const length = Math.min(500, job.events - i);
    await queue.addBulk(
      Array.from({ length }, () => ({ name: "event", data: { body }, opts: { removeOnComplete: true } })),
    );
  }
  const pool = new Pool(`http://127.0.0.1:${job.sinkPort}`, { connections: job.concurrency });
  let started = 0;
  let done = 0;
  let worker: Worker | null = null;
  await new Promise<void>((resolve) => {
    worker = new Worker(
      "drain",
      async ({ data }) => {
        const { body: text } = data as { body: string };
        const headers = { "content-type": "application/json" };
        const answer = await pool.request({ path: "/", method: "POST", headers, body: text });
        await answer.body.dump();
        if (answer.statusCode !== 204) throw new Error(`answered ${answer.statusCode}`);
      },
      { connection, concurrency: job.concurrency },
    );
    worker.on("completed", () => {
      done += 1;
      if (done === job.warmUp) started = performance.now();
      if (done === job.events) resolve();
    });
  });
  const seconds = (performance.now() - started) / 1000;
  await (worker as Worker | null)?.close();
  await queue.close();
  await pool.close();
  return seconds;
}

const job = JSON.parse(process.argv[2] as string) as Job;
const seconds = await (job.by === "relay" ? byRelay(job) : byBullmq(job));
process.stdout.write(`${JSON.stringify({ perSecond: (job.events - job.warmUp) / seconds })}\n`);
