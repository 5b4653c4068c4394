import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { systemClock } from "../../../lib/clock.ts";
import { silentLog } from "../../../lib/log.ts";
import { configSchema } from "../../../relay/config/schema.ts";
import { createDeliveryWorkers } from "../../../relay/delivery/workers.ts";
import { createTargetsOrFailing } from "../../../relay/targets/registry.ts";
import { openQueue } from "../../helpers/storage.ts";
import { createRouter } from "../../../relay/routing/route.ts";
import { eventMeta } from "../../helpers/events.ts";
import { httpServer, tcpServer } from "../../helpers/http-server.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

test("one event to 20 targets is one stored body, and one that hangs holds nobody up", async () => {
  const base = mkdtempSync(join(tmpdir(), "relay-fanout-"));
  cleanups.push(() => rmSync(base, { recursive: true }));
  const bodies: Buffer[] = [];
  const good = await httpServer((request, response) => {
    bodies.push(request.body);
    response.end();
  });
  const hanging = await tcpServer(() => {});
  cleanups.push(
    () => good.close(),
    () => hanging.close(),
  );
  const names = Array.from({ length: 20 }, (_, i) => `t${i}`);
  const targets = Object.fromEntries(
    names.map((name, i) => [
      name,
      { type: "http", url: (i === 7 ? hanging : good).url, timeoutSeconds: 3600 },
    ]),
  );
  const config = configSchema.parse({ queue: { fs: { base, minFreeBytes: 0 } }, targets });
  const deps = { clock: systemClock, random: Math.random, log: silentLog };
  const queue = await openQueue({ ...deps, onSync: () => {}, settings: () => config.queue });
  cleanups.push(() => queue.close());
  queue.setRouting(createRouter(config), names);
  const delivery = createDeliveryWorkers({ queue, ...deps, createTarget: createTargetsOrFailing(deps) });
  cleanups.push(() => delivery.stop(0));
  const done = new Promise<void>((resolve) => {
    queue.onEvent(() => {
      void queue.stats().then(({ byState }) => {
        if (byState.done === 19) resolve();
      });
    });
  });
  delivery.prepare(config.targets).commit();
  const body = Buffer.alloc(500_000, "x");
  const { id: _none, ...meta } = eventMeta({ bodyBytes: body.length });
  const { id } = await queue.enqueue({ meta, body, dedupeKey: "id:1" });
  await done;
  expect(bodies).toHaveLength(19);
  expect(bodies.every((received) => received.equals(body))).toBe(true);
  expect((await queue.stats()).bytes).toBeLessThan(body.length * 1.1);
  expect((await queue.stats()).byState).toMatchObject({ sending: 1, done: 19 });
  const summary = await queue.get(id);
  expect(summary?.deliveries.find((d) => d.target === "t7")?.state).toBe("sending");
});
