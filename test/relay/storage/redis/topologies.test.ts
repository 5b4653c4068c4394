import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../../lib/clock.ts";
import { silentLog } from "../../../../lib/log.ts";
import { configSchema } from "../../../../relay/config/schema.ts";
import type { Claim, Queue } from "../../../../relay/queue/queue.ts";
import { openQueue } from "../../../helpers/storage.ts";
import { makeCertificates } from "../../../helpers/certificates.ts";
import { eventually } from "../../../helpers/eventually.ts";
import { attempt, newEvent, toTarget } from "../../../helpers/queue-contract.ts";
import { DURABLE, hasRedis, startRedis, type RedisServer } from "../../../helpers/redis-server.ts";
import { killRelays, startRelayProcess } from "../../../helpers/relay-process.ts";
import { hasRuntime, RUNTIMES } from "../../../helpers/runtimes.ts";
import { hasCommand } from "../../../helpers/tools.ts";
import { freePort } from "../../../helpers/free-port.ts";

/** A build without TLS does not know the directive, and says so instead. */
const hasTls =
  hasRedis &&
  hasCommand("openssl", "version") &&
  /must be 'yes' or 'no'/.test(
    spawnSync("redis-server", ["--port", "0", "--tls-replication", "x"]).output.join("\n"),
  );

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function server(settings: Readonly<Record<string, string>> = {}): Promise<RedisServer> {
  const started = await startRedis({ ...DURABLE, ...settings });
  cleanups.push(() => started.close());
  return started;
}

async function open(redis: object): Promise<Queue> {
  const { queue: config } = configSchema.parse({ queue: { driver: "redis", redis } });
  const queue = await openQueue({
    settings: () => config,
    clock: systemClock,
    random: () => 0.5,
    log: silentLog,
    onSync: () => {},
  });
  cleanups.push(() => queue.close());
  queue.setRouting(toTarget("a"), ["a"]);
  return queue;
}

function admin(port: number): Redis {
  const client = new Redis({ host: "127.0.0.1", port, retryStrategy: () => 50 });
  client.on("error", () => {});
  cleanups.push(() => client.disconnect());
  return client;
}

const store = (queue: Queue, key: string): Promise<{ status: string }> =>
  queue.enqueue(newEvent(key, { receivedAt: Date.now() }));
const claim = async (queue: Queue, wanted: number): Promise<Claim[]> => {
  const claims: Claim[] = [];
  await eventually(async () => {
    claims.push(...(await queue.claim("a", { first: 10, retry: 10 })));
    return claims.length >= wanted;
  });
  return claims;
};
const wrong = (queue: Queue): string[] => queue.checks().flatMap(({ name, ok }) => (ok ? [] : [name]));

async function worksWhole(queue: Queue): Promise<void> {
  expect(await store(queue, "one")).toMatchObject({ status: "accepted" });
  expect(await store(queue, "one")).toMatchObject({ status: "duplicate" });
  await store(queue, "two");
  const at = Date.now();
  for (const claimed of await claim(queue, 2))
    await claimed.settle({ outcome: "done", at, attempt: attempt(at) });
  expect((await queue.stats()).byState).toEqual({ waiting: 0, sending: 0, done: 2, dead: 0 });
  expect((await queue.list({}, 10, null)).events).toHaveLength(2);
  expect(await queue.known(["one", "none"])).toEqual(["one"]);
  await queue.selfCheck();
  expect(wrong(queue)).toEqual([]);
}

describe.runIf(hasRedis)("a Redis Cluster", () => {
  test("of three masters keeps all that belongs together in one slot, and every master is looked at", async () => {
    const nodes = await Promise.all(
      [0, 1, 2].map(async () =>
        server({ "cluster-enabled": "yes", "cluster-port": String(await freePort()) }),
      ),
    );
    const admins = nodes.map(({ port }) => admin(port));
    const slots = [
      [0, 5460],
      [5461, 10_922],
      [10_923, 16_383],
    ] as const;
    for (const [index, client] of admins.entries()) {
      await client.cluster("ADDSLOTSRANGE", ...slots[index]!);
      const [, busPort = ""] = (await client.config("GET", "cluster-port")) as string[];
      const { port } = nodes[index]!;
      if (index > 0) await admins[0]!.call("CLUSTER", "MEET", "127.0.0.1", String(port), busPort);
    }
    await eventually(async () =>
      (await Promise.all(admins.map((client) => client.cluster("INFO")))).every((info) =>
        String(info).includes("cluster_state:ok"),
      ),
    );
    const cluster = nodes.map(({ port }) => ({ host: "127.0.0.1", port }));
    const queue = await open({ cluster });
    await worksWhole(queue);
    const sizes = await Promise.all(admins.map((client) => client.dbsize()));
    expect(sizes.filter((size) => size > 0)).toHaveLength(1);
    // Any of them may come to hold the slot.
    await admins[sizes.findIndex((size) => size === 0)]!.config("SET", "maxmemory-policy", "allkeys-lru");
    await queue.selfCheck();
    expect(wrong(queue)).toEqual(["redis-eviction"]);
  });
});

describe.runIf(hasRedis)("Redis Sentinel", () => {
  test("leads to the master, and to the next one after a fail-over", async () => {
    const master = await server();
    const replica = await server({ replicaof: `127.0.0.1 ${master.port}` });
    const sentinelPort = await freePort();
    const folder = mkdtempSync(join(tmpdir(), "relay-sentinel-"));
    writeFileSync(
      join(folder, "sentinel.conf"),
      [
        `port ${sentinelPort}`,
        "bind 127.0.0.1",
        `dir ${folder}`,
        `sentinel monitor mymaster 127.0.0.1 ${master.port} 1`,
        "sentinel down-after-milliseconds mymaster 1000",
        "sentinel failover-timeout mymaster 5000",
      ].join("\n"),
    );
    const sentinel = spawn("redis-server", [join(folder, "sentinel.conf"), "--sentinel"], {
      stdio: "ignore",
    });
    cleanups.push(async () => {
      sentinel.kill("SIGKILL");
      await once(sentinel, "exit");
      rmSync(folder, { recursive: true });
    });
    const watcher = admin(sentinelPort);
    await eventually(async () => {
      const replicas = (await watcher.call("SENTINEL", "REPLICAS", "mymaster")) as unknown[];
      const info = await admin(replica.port).info("replication");
      return replicas.length === 1 && info.includes("master_link_status:up");
    });
    const queue = await open({ sentinels: [{ host: "127.0.0.1", port: sentinelPort }] });
    await worksWhole(queue);
    await eventually(() =>
      watcher.call("SENTINEL", "FAILOVER", "mymaster").then(
        () => true,
        () => false,
      ),
    );
    await eventually(async () => {
      const info = await admin(replica.port).info("replication");
      return info.includes("role:master");
    });
    // What the old master takes while it hands over is lost with it, unless replicas are waited for.
    await eventually(async () => {
      await store(queue, "after");
      return (await admin(replica.port).zcard("{relay}:events")) === 3;
    });
    expect(await store(queue, "one")).toMatchObject({ status: "duplicate" });
    await eventually(async () => {
      await queue.selfCheck();
      return wrong(queue).length === 0;
    });
  }, 150_000);
});

describe.runIf(hasTls)("a Redis that speaks TLS", () => {
  afterEach(killRelays);

  test("is spoken to with rediss:// and NODE_EXTRA_CA_CERTS, and refused where nobody vouches for it", async () => {
    const certificates = makeCertificates();
    cleanups.push(() => certificates.remove());
    const port = await freePort();
    await server({
      "tls-port": String(port),
      "tls-cert-file": certificates.file("server.pem"),
      "tls-key-file": certificates.file("server.key"),
      "tls-ca-cert-file": certificates.file("ca.pem"),
      "tls-auth-clients": "no",
      requirepass: "tls-pass",
    });
    const start = (more: Readonly<Record<string, string>>) =>
      startRelayProcess(
        {
          REDIS_URL: `rediss://:tls-pass@127.0.0.1:${port}`,
          GITLAB_WEBHOOK_SECRET: "tls-secret-token",
          ...more,
        },
        [],
        hasRuntime("node24") ? RUNTIMES.node24 : RUNTIMES.node,
      );
    const trusting = start({ NODE_EXTRA_CA_CERTS: certificates.file("ca.pem") });
    const doubting = start({});
    const post = async (url: string): Promise<number> => {
      const headers = { "content-type": "application/json", "x-gitlab-token": "tls-secret-token" };
      const answer = await fetch(`${url}/webhooks/gitlab`, { method: "POST", headers, body: "{}" });
      await answer.arrayBuffer();
      return answer.status;
    };
    expect(await post(await trusting.url())).toBe(202);
    expect((await fetch(`${await trusting.url()}/readyz`)).status).toBe(200);
    expect(await post(await doubting.url())).toBe(503);
    expect(await (await fetch(`${await doubting.url()}/readyz`)).text()).toContain("redis");
    expect(doubting.output()).toMatch(/self-signed|unable to (verify|get)/i);
    expect(doubting.output() + trusting.output()).not.toContain("tls-pass");
  });
});
