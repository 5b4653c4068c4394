/** Queues on a real Redis of the test's own, with what a test moves: their clock, the way to the server, the leases there. */
import { Redis } from "ioredis";
import type { Clock } from "../../lib/clock.ts";
import { silentLog, type Log } from "../../lib/log.ts";
import { configSchema } from "../../relay/config/schema.ts";
import type { ReplayQueue } from "../../relay/queue/replay-job.ts";
import { openQueue } from "./storage.ts";
import { FakeClock } from "./clock.ts";
import { SETTINGS, type QueueSettings } from "./queue-contract.ts";
import { startRedis, type RedisServer } from "./redis-server.ts";
import { startProxy, type Rewrite, type TcpProxy } from "./tcp-proxy.ts";

/** A queue, as one relay has it, and its own way to Redis. */
export interface Opened {
  readonly queue: ReplayQueue;
  readonly proxy: TcpProxy;
}

export interface OpenOptions {
  readonly settings?: QueueSettings;
  /** @default the clock of the rig */
  readonly clock?: Clock;
  readonly log?: Log;
  /** More of `queue.redis`. */
  readonly redis?: Readonly<Record<string, unknown>>;
  /** User and password of the URL, such as `user:password@`. */
  readonly credentials?: string;
  /** End of the URL: the database, such as `/3`. */
  readonly path?: string;
  /** What the way to Redis changes. */
  readonly rewrite?: Rewrite;
}

export interface RedisRig {
  readonly server: RedisServer;
  readonly clock: FakeClock;
  /** For looking at what is in Redis, past every queue. */
  readonly inspect: Redis;
  open(options?: OpenOptions): Promise<Opened>;
  /** Cuts whatever is open off for good, without a word to Redis, as the end of its process would. */
  cutOff(): Promise<void>;
  /** Makes Redis believe that every claim was taken so long ago. */
  ageClaims(ms: number): Promise<void>;
  /** Cuts off what is open and forgets everything in Redis. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

/** @param settings of the server, as in redis.conf */
export async function startRig(settings?: Readonly<Record<string, string>>): Promise<RedisRig> {
  const server = await startRedis(settings);
  const clock = new FakeClock();
  const inspect = new Redis(server.url, { maxRetriesPerRequest: 20, retryStrategy: () => 50 });
  inspect.on("error", () => {});
  const opened = new Set<Opened>();

  async function cutOff(): Promise<void> {
    const all = [...opened];
    opened.clear();
    await Promise.all(all.map(({ proxy }) => proxy.close()));
    await Promise.all(all.map(({ queue }) => queue.close()));
  }

  return {
    server,
    clock,
    inspect,
    async open(options = {}) {
      const { dedupeSeconds, retain } = options.settings ?? SETTINGS;
      const { credentials = "", path = "" } = options;
      const proxy = await startProxy(server.port, options.rewrite);
      const { queue: config } = configSchema.parse({
        queue: {
          driver: "redis",
          redis: { url: `redis://${credentials}127.0.0.1:${proxy.port}${path}`, ...options.redis },
          dedupeSeconds,
          retain,
        },
      });
      const queue = await openQueue({
        settings: () => config,
        clock: options.clock ?? clock,
        random: () => 0.5,
        log: options.log ?? silentLog,
        onSync: () => {},
      });
      const one = { queue, proxy };
      opened.add(one);
      return one;
    },
    cutOff,
    async ageClaims(ms) {
      for (const stream of await inspect.keys("*")) {
        if ((await inspect.type(stream)) !== "stream") continue;
        if (((await inspect.xinfo("GROUPS", stream)) as unknown[]).length === 0) continue;
        const pending = (await inspect.xpending(stream, "relay", "-", "+", 1000)) as [string, string][];
        for (const [entry, consumer] of pending)
          await inspect.xclaim(stream, "relay", consumer, 0, entry, "IDLE", ms, "JUSTID");
      }
    },
    async clear() {
      await cutOff();
      await inspect.flushall();
    },
    async close() {
      await cutOff();
      inspect.disconnect();
      await server.close();
    },
  };
}
