import { afterEach, expect, test } from "vitest";
import { systemClock } from "../../../lib/clock.ts";
import { silentLog } from "../../../lib/log.ts";
import { createDeliveryWorkers, type DeliveryWorkers } from "../../../relay/delivery/workers.ts";
import { createTargetsOrFailing, type TargetSettings } from "../../../relay/targets/registry.ts";
import { DeliveryQueue } from "../../helpers/delivery-queue.ts";
import { httpServer, tcpServer, type TestServer } from "../../helpers/http-server.ts";
import { httpConfig } from "../../helpers/targets.ts";

const open: TestServer[] = [];
let delivery: DeliveryWorkers<TargetSettings> | null = null;
afterEach(async () => {
  await delivery?.stop(0);
  delivery = null;
  for (const server of open.splice(0)) await server.close();
});

const keep = async (server: Promise<TestServer>): Promise<TestServer> => {
  open.push(await server);
  return server;
};

/** Servers that behave as no server should. */
async function hostile(): Promise<Record<string, TestServer>> {
  const answer = (head: string): string => `HTTP/1.1 200 OK\r\n${head}\r\n`;
  return {
    hangs: await keep(tcpServer(() => {})),
    resets: await keep(tcpServer((socket) => socket.once("data", () => socket.resetAndDestroy()))),
    garbage: await keep(tcpServer((socket) => socket.once("data", () => socket.end("\0\u0001nonsense\r\n")))),
    huge: await keep(
      tcpServer((socket) => {
        socket.once("data", () => {
          socket.write(answer("Content-Length: 100000000000\r\n"));
          const more = (): void => {
            while (!socket.destroyed && socket.write("z".repeat(65_536)));
          };
          socket.on("drain", more);
          more();
        });
      }),
    ),
    trickles: await keep(
      tcpServer((socket) => {
        socket.once("data", () => {
          socket.write(answer("Content-Length: 1000000\r\n"));
          const drip = setInterval(() => socket.write("."), 20);
          socket.on("close", () => clearInterval(drip));
        });
      }),
    ),
  };
}

test("targets that misbehave cost their own slots only, and the bodies arrive as they were", async () => {
  const servers = await hostile();
  const seen = new Map<string, Buffer>();
  const good = await keep(
    httpServer((request, response) => {
      seen.set(String(request.headers["x-relay-event-id"]), request.body);
      response.end();
    }),
  );
  const queue = new DeliveryQueue(systemClock);
  delivery = createDeliveryWorkers({
    queue,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    createTarget: createTargetsOrFailing({ clock: systemClock, log: silentLog }),
  });
  const limits = {
    timeoutSeconds: 0.7,
    concurrency: 4,
    retry: { maxAttempts: 2, baseSeconds: 0.05 },
    breaker: { failures: 100 },
  };
  const bodies = new Map<string, Buffer>();
  for (const name of Object.keys(servers)) {
    for (let i = 0; i < 6; i++) queue.add(name);
  }
  for (let i = 0; i < 200; i++) {
    const body = Buffer.from(JSON.stringify({ i, text: "ß".repeat(i) }));
    bodies.set(queue.add("good", { body }), body);
  }
  const entries = Object.entries({ ...servers, good }).map(
    ([name, server]) => [name, httpConfig({ url: server.url, ...limits })] as const,
  );
  delivery.prepare(Object.fromEntries(entries)).commit();

  const goodOnes = queue.entries.filter((e) => e.delivery.target === "good");
  await queue.until(() => goodOnes.every((e) => e.delivery.state === "done"));
  const hanging = queue.entries.filter((e) => e.delivery.target === "hangs");
  expect(hanging.some((e) => e.delivery.state !== "dead")).toBe(true);
  expect(good.connections()).toBeLessThanOrEqual(20);
  for (const [id, body] of bodies) expect(seen.get(id)?.equals(body)).toBe(true);

  await queue.until(() => queue.count("waiting") + queue.count("sending") === 0);
  const fates = (name: string): string[] => {
    const own = queue.entries.filter((e) => e.delivery.target === name);
    return [...new Set(own.map((e) => `${e.delivery.state}: ${e.delivery.reason}`))];
  };
  expect(fates("hangs")).toEqual(["dead: gave up after 2 attempts: no answer within 0.7 s"]);
  expect(fates("resets")).toEqual([
    expect.stringMatching(/^dead: gave up after 2 attempts: .*(ECONNRESET|UND_ERR)/),
  ]);
  expect(fates("garbage")).toEqual([expect.stringMatching(/^dead: gave up after 2 attempts: /)]);
  // These two have said 200: the event is taken, however strangely they go on.
  expect(fates("huge")).toEqual(["done: null"]);
  expect(fates("trickles")).toEqual(["done: null"]);
});
