/** Two relays as processes of their own on one Redis: both deliver, nothing is delivered twice, and one goes on for both. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { eventually } from "../helpers/eventually.ts";
import { hasRedis, startRedis } from "../helpers/redis-server.ts";
import { killRelays, startRelayProcess, type RelayProcess } from "../helpers/relay-process.ts";

vi.setConfig({ testTimeout: 90_000 });

const closing: (() => unknown)[] = [];

afterEach(async () => {
  await killRelays();
  for (const close of closing.splice(0).toReversed()) await close();
});

/** A target that holds its answers back until it is told to give them. */
async function holdingTarget() {
  const arrived: string[] = [];
  const held: (() => void)[] = [];
  let isHolding = true;
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      arrived.push(String(request.headers["x-relay-event-id"]));
      if (isHolding) held.push(() => response.end("ok"));
      else response.end("ok");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    arrived,
    release() {
      isHolding = false;
      for (const answer of held.splice(0)) answer();
    },
  };
}

async function sendEach(relays: readonly RelayProcess[], count: number, prefix: string): Promise<string[]> {
  const urls = await Promise.all(relays.map((relay) => relay.url()));
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const response = await fetch(`${urls[index % urls.length]}/webhooks/gitlab`, {
      method: "POST",
      headers: {
        "x-gitlab-token": "a-secret-of-the-hook",
        "x-gitlab-event": "Push Hook",
        "idempotency-key": `${prefix}-${index}`,
      },
      body: JSON.stringify({ object_kind: "push", project: { id: 7, path_with_namespace: "acme/shop" } }),
    });
    expect(response.status).toBe(202);
    ids.push(((await response.json()) as { id: string }).id);
  }
  return ids;
}

const deliveredBy = (relay: RelayProcess): number =>
  relay.stdout().match(/"event":"delivery\.done"/g)?.length ?? 0;

test.runIf(hasRedis)(
  "two relays share the work, and what one had taken when it was killed the other delivers",
  async () => {
    const redis = await startRedis();
    closing.push(() => redis.close());
    const folder = await mkdtemp(join(tmpdir(), "two-relays-"));
    closing.push(() => rm(folder, { recursive: true, force: true }));
    const target = await holdingTarget();
    const config = join(folder, "relay.yaml");
    // Each relay may have two under way: neither can take everything.
    const bot = { type: "http", url: target.url, concurrency: 2, timeoutSeconds: 60 };
    await writeFile(config, JSON.stringify({ queue: { redis: { leaseSeconds: 2 } }, targets: { bot } }));
    const start = (): RelayProcess =>
      startRelayProcess({
        RELAY_CONFIG: config,
        RELAY_DATA_DIR: folder,
        REDIS_URL: redis.url,
        GITLAB_WEBHOOK_SECRET: "a-secret-of-the-hook",
        LOG_LEVEL: "debug",
      });
    const [first, second] = [start(), start()];

    const ids = await sendEach([first, second], 20, "shared");
    await eventually(() => target.arrived.length === 4);
    target.release();
    await eventually(() => deliveredBy(first) + deliveredBy(second) === ids.length);
    expect(target.arrived.toSorted()).toEqual(ids.toSorted());
    expect(Math.min(deliveredBy(first), deliveredBy(second))).toBeGreaterThan(0);

    const away = await holdingTarget();
    bot.url = away.url;
    await writeFile(config, JSON.stringify({ queue: { redis: { leaseSeconds: 2 } }, targets: { bot } }));
    await Promise.all([first, second].map((relay) => relay.line("settings.reloaded")));
    const late = await sendEach([first, second], 6, "late");
    await eventually(() => away.arrived.length === 4);
    first.child.kill("SIGKILL");
    await first.exited;
    away.release();
    // What the killed relay was sending comes once more, with the same id; nothing else does.
    await eventually(() => away.arrived.length === late.length + 2);
    second.child.kill("SIGTERM");
    expect(await second.exited).toBe(0);
    const counts = late.map((id) => away.arrived.filter((one) => one === id).length);
    expect(counts.toSorted()).toEqual([1, 1, 1, 1, 2, 2]);
  },
);
