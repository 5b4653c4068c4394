import { afterEach, expect, test } from "vitest";
import { systemClock } from "../../../lib/clock.ts";
import { silentLog } from "../../../lib/log.ts";
import { createDeliveryWorkers, type DeliveryWorkers } from "../../../relay/delivery/workers.ts";
import type { Attempt } from "../../../relay/queue/delivery-state.ts";
import { createTargetsOrFailing, type TargetSettings } from "../../../relay/targets/registry.ts";
import { DeliveryQueue } from "../../helpers/delivery-queue.ts";
import { httpServer, tcpServer, type TestServer } from "../../helpers/http-server.ts";
import { httpConfig } from "../../helpers/targets.ts";

const servers: TestServer[] = [];
let delivery: DeliveryWorkers<TargetSettings> | null = null;
afterEach(async () => {
  await delivery?.stop(0);
  delivery = null;
  for (const server of servers.splice(0)) await server.close();
});

/** The first attempt on a target at this address, as it is kept. */
async function attemptOn(url: string, changes: Record<string, unknown> = {}): Promise<Attempt> {
  const queue = new DeliveryQueue(systemClock);
  delivery = createDeliveryWorkers({
    queue,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    createTarget: createTargetsOrFailing({ clock: systemClock, log: silentLog }),
  });
  queue.add("bot", { meta: { headers: [["x-gitlab-event", "Push Hook"]] } });
  delivery.prepare({ bot: httpConfig({ url, ...changes }) }).commit();
  const entry = queue.entries[0]!;
  await queue.until(() => entry.delivery.history.length > 0);
  return entry.delivery.history[0]!;
}

test("runAttempt() keeps what was sent and the answer's headers, without the settings' values even where they come back", async () => {
  const server = await httpServer((request, response) => {
    response.statusCode = 422;
    response.setHeader("X-Request-Id", "r-1");
    response.setHeader("Set-Cookie", "sid=of-the-target");
    response.end(
      `you are ${String(request.headers["authorization"])}, or ${String(request.headers["x-key"])}`,
    );
  });
  servers.push(server);
  const attempt = await attemptOn(
    `${server.url.replace("//", "//user:in-the-url@")}/hook?token=in-the-query`,
    {
      headers: { "X-Key": "key-of-the-settings", Authorization: "Bearer of-the-settings" },
    },
  );
  expect(attempt).toMatchObject({ status: 422, excerpt: "you are ***, or ***" });
  const { request, answer } = attempt.exchange!;
  expect(request).toMatchObject({ method: "POST", url: `${server.url}/hook`, omitted: 0 });
  expect(request.headers.split("\n")).toEqual(
    expect.arrayContaining(["x-gitlab-event", "x-relay-attempt: 1", "x-key: ***", "authorization: ***"]),
  );
  expect(answer?.headers.split("\n")).toEqual(
    expect.arrayContaining(["x-request-id: r-1", "set-cookie: ***"]),
  );
  expect(JSON.stringify(attempt)).not.toMatch(/settings|in-the-url|in-the-query|of-the-target/);
});

test("runAttempt() keeps what was sent when no answer comes in time, or none at all", async () => {
  const hanging = await tcpServer(() => {});
  servers.push(hanging);
  const late = await attemptOn(hanging.url, { timeoutSeconds: 0.2 });
  expect(late).toMatchObject({ status: null, exchange: { request: { method: "POST" }, answer: null } });
  await delivery?.stop(0);
  await hanging.close();
  servers.length = 0;
  const refused = await attemptOn(hanging.url);
  expect(refused).toMatchObject({ status: null, exchange: { request: { method: "POST" }, answer: null } });
});
