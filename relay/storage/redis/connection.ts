/**
 * The connection to Redis: opened through unstorage's redis driver, and every failure translated. Nothing queues up while Redis is
 * away (the offline queue is off), nothing is sent twice by the client, and no command waits longer than COMMAND_TIMEOUT_MS, so
 * that a webhook is answered while GitLab still listens. A server that is silent for so long loses the connection, and with it
 * whatever was still on its way to it.
 */
import type { Cluster, Redis } from "ioredis";
import { createStorage, type Storage } from "unstorage";
import type { Log } from "../../../lib/log.ts";
import { translateRedisError } from "./failure.ts";
import { connectionOptions, credentialsOf } from "./options.ts";
import type { RedisSettings } from "./settings.ts";
import type { ScriptName } from "./scripts.ts";
import {
  createScriptRunner,
  sendSynced,
  type ScriptArgs,
  type ScriptCall,
  type Staged,
  type Synced,
  type SyncWanted,
} from "./sender.ts";

/** Milliseconds that the start waits for a first answer. */
const FIRST_ANSWER_MS = 3000;
/** Milliseconds that close() waits for what is on its way. */
const CLOSE_MS = 1000;

export interface RedisConnection {
  readonly client: Redis;
  /** A second connection, which can only listen: for the messages that say where work is. */
  readonly subscriber: Redis;
  readonly storage: Storage;
  /** First part of every key: the configured prefix in braces, so that a cluster keeps all keys in one slot. */
  readonly prefix: string;
  /** Runs a script; answers are bytes where Redis answers text. Rejects with an UpstreamError. */
  run(script: ScriptName, args: ScriptArgs, staged?: Staged): Promise<unknown>;
  /** As sendSynced(), on its own connection. */
  runSynced(calls: readonly ScriptCall[], wanted: SyncWanted): Promise<Synced>;
  /** Awaits a command of the client and translates its failure. */
  ask<T>(command: Promise<T>): Promise<T>;
  /** Every server that may hold the keys: one, or the masters of a cluster. */
  masters(): readonly Redis[];
  close(): Promise<void>;
}

/**
 * Opens the connection. Resolves when Redis answered or could not be reached at first: the client goes on trying for as long as
 * it lives, and whatever is asked meanwhile fails at once.
 */
export async function openRedis(
  config: RedisSettings,
  log: Log,
  random: () => number,
): Promise<RedisConnection> {
  const { default: redisDriver } = await import("unstorage/drivers/redis");
  const { Redis: RedisClient } = await import("ioredis");
  const prefix = `{${config.prefix}}`;
  const options = connectionOptions(random);
  const credentials = credentialsOf(config.url);
  const [node] = config.cluster;
  const driver = redisDriver({
    base: prefix,
    ...options,
    ...(node !== undefined
      ? {
          cluster: [...config.cluster],
          clusterOptions: {
            enableOfflineQueue: false,
            clusterRetryStrategy: options.retryStrategy,
            redisOptions: { ...options, ...credentials },
          },
        }
      : config.sentinels.length > 0
        ? {
            sentinels: [...config.sentinels],
            name: config.sentinelName,
            sentinelRetryStrategy: options.retryStrategy,
            ...credentials,
          }
        : { url: config.url }),
  });
  const client = driver.getInstance() as unknown as Redis;
  const subscriber =
    node === undefined ? client.duplicate() : new RedisClient({ ...options, ...credentials, ...node });
  let syncClient: Redis | null = null;
  /** Why there is no connection; null: there is one. What a command says then is that it could not be written. */
  let trouble: Error | null = null;
  client.on("error", (error: Error) => (trouble = error));
  client.on("ready", () => (trouble = null));
  watch("main", client, log);
  watch("subscriber", subscriber, log);
  await firstAnswer(client);

  return {
    client,
    subscriber,
    storage: createStorage({ driver }),
    prefix,
    run: createScriptRunner(client, prefix).run,
    async runSynced(calls, wanted) {
      if (syncClient === null) {
        syncClient = client.duplicate();
        watch("sync", syncClient, log);
        await firstAnswer(syncClient);
      }
      return sendSynced(syncClient, prefix, calls, wanted);
    },
    async ask(command) {
      try {
        return await command;
      } catch (error) {
        throw translateRedisError(client.status === "ready" ? error : (trouble ?? error));
      }
    },
    masters: () => (node === undefined ? [client] : (client as unknown as Cluster).nodes("master")),
    async close() {
      subscriber.disconnect();
      syncClient?.disconnect();
      await quit(client);
    },
  };
}

/** Logs what happens to a connection: each trouble once, until it works again. */
function watch(name: string, connection: Redis, log: Log): void {
  let told = "";
  connection.on("error", (error: Error) => {
    const { message } = translateRedisError(error);
    if (message === told) return;
    told = message;
    log.warn("redis.error", { connection: name, error: message });
  });
  connection.on("ready", () => {
    told = "";
    log.info("redis.connected", { connection: name });
  });
}

function firstAnswer(client: Redis): Promise<void> {
  return new Promise((resolve) => {
    const events = ["ready", "error", "close"] as const;
    const done = (): void => {
      clearTimeout(timer);
      for (const event of events) client.off(event, done);
      resolve();
    };
    const timer = setTimeout(done, FIRST_ANSWER_MS);
    for (const event of events) client.once(event, done);
    if (client.status === "ready") done();
  });
}

/** Lets what was sent be answered, but not for long. */
async function quit(client: Redis): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSE_MS);
  });
  const left = client.quit().then(
    () => {},
    () => {},
  );
  await Promise.race([left, late]);
  clearTimeout(timer);
  client.disconnect();
}
