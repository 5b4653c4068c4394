/** A relay that only delivers: what waits in Redis for the target `sink`. Prints when it is ready; ends on SIGTERM. */
import { systemClock } from "../../lib/clock.ts";
import { silentLog } from "../../lib/log.ts";
import { configSchema } from "../../relay/config/schema.ts";
import { createDeliveryWorkers } from "../../relay/delivery/workers.ts";
import { createTargetsOrFailing } from "../../relay/targets/registry.ts";
import { openQueue } from "../../test/helpers/storage.ts";
import { createRouter } from "../../relay/routing/route.ts";

interface Job {
  readonly redisPort: number;
  readonly sinkPort: number;
  readonly concurrency: number;
}

const job = JSON.parse(process.argv[2] as string) as Job;
const config = configSchema.parse({
  queue: { driver: "redis", redis: { url: `redis://127.0.0.1:${job.redisPort}` } },
  targets: {
    sink: { type: "http", url: `http://127.0.0.1:${job.sinkPort}/`, concurrency: job.concurrency },
  },
});
const deps = { clock: systemClock, random: Math.random, log: silentLog };
const queue = await openQueue({ ...deps, onSync: () => {}, settings: () => config.queue });
queue.setRouting(createRouter(config), ["sink"]);
const delivery = createDeliveryWorkers({ queue, ...deps, createTarget: createTargetsOrFailing(deps) });
delivery.prepare(config.targets).commit();
process.stdout.write('{"ready":true}\n');
process.once("SIGTERM", () => {
  void delivery
    .stop(1000)
    .then(() => queue.close())
    .then(() => process.exit(0));
});
