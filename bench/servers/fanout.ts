/**
 * Sends events to 20 targets, of which the last one may hang, and prints as JSON how long the other 19 took from the enqueue's end
 * to the settled delivery, and how many bytes the queue wrote for it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../lib/clock.ts";
import { silentLog } from "../../lib/log.ts";
import { configSchema } from "../../relay/config/schema.ts";
import { createDeliveryWorkers } from "../../relay/delivery/workers.ts";
import { createTargetsOrFailing } from "../../relay/targets/registry.ts";
import { openQueue } from "../../test/helpers/storage.ts";
import { createRouter } from "../../relay/routing/route.ts";
import { eventMeta } from "../../test/helpers/events.ts";
import { quantile } from "../lib.ts";
import { pushBody } from "../load.ts";

interface Job {
  readonly goodPort: number;
  readonly lastPort: number;
  readonly targets: number;
  readonly events: number;
  readonly perSecond: number;
  readonly bodyBytes: number;
}

const job = JSON.parse(process.argv[2] as string) as Job;
const base = mkdtempSync(join(tmpdir(), "relay-fanout-"));
const names = Array.from({ length: job.targets }, (_, i) => `t${i}`);
const last = names.at(-1);
const target = (name: string): object => {
  const port = name === last ? job.lastPort : job.goodPort;
  return { type: "http", url: `http://127.0.0.1:${port}/`, timeoutSeconds: 5 };
};
const config = configSchema.parse({
  queue: { fs: { base, minFreeBytes: 0 } },
  targets: Object.fromEntries(names.map((name) => [name, target(name)])),
});
const deps = { clock: systemClock, random: Math.random, log: silentLog };
const queue = await openQueue({ ...deps, onSync: () => {}, settings: () => config.queue });
queue.setRouting(createRouter(config), names);
const delivery = createDeliveryWorkers({ queue, ...deps, createTarget: createTargetsOrFailing(deps) });
delivery.prepare(config.targets).commit();

const body = pushBody(job.bodyBytes);
const { id: _none, ...meta } = eventMeta({ bodyBytes: body.length });
const storedAt = new Map<string, number>();
const latencies: number[] = [];
const wanted = job.events * (job.targets - 1);
const finished = new Promise<void>((resolve) => {
  queue.onEvent((event) => {
    if (event.type !== "settled" || event.delivery.state !== "done" || event.delivery.target === last) return;
    latencies.push(performance.now() - (storedAt.get(event.meta.id) ?? performance.now()));
    if (latencies.length === wanted) resolve();
  });
});
const bytesBefore = (await queue.stats()).bytes;
for (let i = 0; i < job.events; i++) {
  void queue
    .enqueue({ meta: { ...meta, deliveryId: `d${i}` }, body, dedupeKey: `id:d${i}` })
    .then(({ id }) => {
      storedAt.set(id, performance.now());
    });
  await new Promise((resolve) => {
    setTimeout(resolve, 1000 / job.perSecond);
  });
}
await finished;
const bytesPerEvent = ((await queue.stats()).bytes - bytesBefore) / job.events;
await delivery.stop(0);
await queue.close();
rmSync(base, { recursive: true });
const result = { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), bytesPerEvent };
process.stdout.write(`${JSON.stringify(result)}\n`);
