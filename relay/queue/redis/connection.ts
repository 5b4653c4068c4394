/**
 * The connection to Redis: opened through unstorage's redis driver, with the scripts defined on its client, and every failure
 * translated. Nothing queues up while Redis is away (the offline queue is off), nothing is sent twice by the client, and no
 * command waits longer than COMMAND_TIMEOUT_MS, so that a webhook is answered while GitLab still listens.
 */
import type { Redis, RedisOptions } from "ioredis";
import { createStorage, type Storage } from "unstorage";
import type { Config } from "../../config.ts";
import { messageOf, UpstreamError } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import { SCRIPTS, type ScriptName } from "./scripts.ts";

export type RedisConfig = Config["queue"]["redis"];

export const COMMAND_TIMEOUT_MS = 4000;
const CONNECT_TIMEOUT_MS = 3000;
const RECONNECT_BASE_MS = 50;
const RECONNECT_CAP_MS = 2000;

export interface RedisConnection {
  readonly client: Redis;
  /** A second connection, which can only listen: for the messages that say where work is. */
  readonly subscriber: Redis;
  readonly storage: Storage;
  /** First part of every key: the configured prefix in braces, so that a cluster keeps all keys in one slot. */
  readonly prefix: string;
  /** Runs a script; answers are bytes where Redis answers text. Rejects with an UpstreamError. */
  run(script: ScriptName, args: readonly (string | number | Uint8Array)[]): Promise<unknown>;
  /** Awaits a command of the client and translates its failure. */
  ask<T>(command: Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** What Redis or the way to it refused, as the queue reports it. */
export function translateRedisError(error: unknown): UpstreamError {
  const message = messageOf(error);
  const word = /^[A-Z]+/.exec(message)?.[0] ?? "";
  if (word === "OOM") {
    return new UpstreamError("queue-full", "Redis is out of memory: maxmemory is reached", {
      retryable: true,
    });
  }
  const known: Readonly<Record<string, string>> = {
    MISCONF: "Redis cannot write its data to disk (MISCONF)",
    READONLY: "Redis is a replica that takes no writes (READONLY)",
    LOADING: "Redis is loading its data set (LOADING)",
    MASTERDOWN: "Redis has lost its master (MASTERDOWN)",
    CLUSTERDOWN: "the Redis cluster is down (CLUSTERDOWN)",
    NOAUTH: "Redis wants a password (NOAUTH)",
    WRONGPASS: "Redis refused user name or password (WRONGPASS)",
    NOPERM: "the Redis user lacks a right (NOPERM)",
  };
  const explained = known[word];
  if (explained !== undefined) return new UpstreamError("storage", explained, { retryable: true });
  const lost = /timed out|closed|ECONN|writeable|max retries|ended/i.test(message);
  return new UpstreamError(
    "storage",
    lost ? `Redis is out of reach: ${message}` : `Redis refused: ${message}`,
    {
      retryable: true,
    },
  );
}

function clientOptions(random: () => number): RedisOptions {
  return {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: true,
    enableAutoPipelining: true,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    keepAlive: 10_000,
    retryStrategy: (times) =>
      Math.min(RECONNECT_CAP_MS, RECONNECT_BASE_MS * 2 ** Math.min(times, 10)) * (0.5 + random() / 2),
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  };
}

interface ScriptRunner {
  [script: string]: (...args: (string | number | Buffer)[]) => Promise<unknown>;
}

/**
 * Opens the connection. Resolves when Redis answered or could not be reached at first: the client goes on trying for as long as
 * it lives, and whatever is asked meanwhile fails at once.
 */
export async function openRedis(
  config: RedisConfig,
  log: Log,
  random: () => number,
): Promise<RedisConnection> {
  const { default: redisDriver } = await import("unstorage/drivers/redis");
  const { Redis: RedisClient } = await import("ioredis");
  const prefix = `{${config.prefix}}`;
  const options = clientOptions(random);
  const nodes = config.cluster;
  const driver = redisDriver({
    base: prefix,
    ...options,
    ...(nodes.length > 0
      ? {
          cluster: [...nodes],
          clusterOptions: { enableOfflineQueue: false, enableAutoPipelining: true, redisOptions: options },
        }
      : config.sentinels.length > 0
        ? { sentinels: [...config.sentinels], name: config.sentinelName, ...credentials(config.url) }
        : { url: config.url }),
  });
  const client = driver.getInstance() as unknown as Redis;
  const subscriber =
    nodes.length > 0
      ? new RedisClient({ ...options, ...nodes[0] })
      : client.duplicate({ enableAutoPipelining: false });
  for (const [name, connection] of [
    ["main", client],
    ["subscriber", subscriber],
  ] as const) {
    let told = "";
    connection.on("error", (error: Error) => {
      const message = translateRedisError(error).message;
      if (message === told) return;
      told = message;
      log.warn("redis.error", { connection: name, error: message });
    });
    connection.on("ready", () => {
      told = "";
      log.info("redis.connected", { connection: name });
    });
  }
  for (const [name, lua] of Object.entries(SCRIPTS)) client.defineCommand(name, { numberOfKeys: 1, lua });
  const runner = client as unknown as ScriptRunner;

  async function ask<T>(command: Promise<T>): Promise<T> {
    try {
      return await command;
    } catch (error) {
      throw translateRedisError(error);
    }
  }

  await firstAnswer(client);
  return {
    client,
    subscriber,
    storage: createStorage({ driver }),
    prefix,
    ask,
    run: (script, args) =>
      ask(
        runner[`${script}Buffer`]!(
          prefix,
          ...args.map((a) =>
            a instanceof Uint8Array ? Buffer.from(a.buffer, a.byteOffset, a.byteLength) : a,
          ),
        ),
      ),
    async close() {
      subscriber.disconnect();
      await client.quit().catch(() => client.disconnect());
    },
  };
}

/** User name and password of the URL, for Sentinel, where the URL's host does not count. */
function credentials(url: string): { username?: string; password?: string; db?: number } {
  const { username, password, pathname } = new URL(url);
  return {
    ...(username === "" ? {} : { username: decodeURIComponent(username) }),
    ...(password === "" ? {} : { password: decodeURIComponent(password) }),
    ...(pathname.length > 1 ? { db: Number(pathname.slice(1)) } : {}),
  };
}

function firstAnswer(client: Redis): Promise<void> {
  return new Promise((resolve) => {
    if (client.status === "ready") {
      resolve();
      return;
    }
    const done = (): void => {
      client.off("ready", done);
      client.off("error", done);
      client.off("close", done);
      resolve();
    };
    client.once("ready", done);
    client.once("error", done);
    client.once("close", done);
  });
}
