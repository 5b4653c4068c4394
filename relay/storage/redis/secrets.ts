/**
 * Secrets and counters as keys of the Redis that relays share. A secret is copied into the relay's own data folder, if it can be
 * written, so that an operator finds it there; what Redis holds counts.
 */
import { systemCode } from "../../../lib/errors.ts";
import { copySecret, readSecret } from "../files/secrets.ts";
import type { SharedSecrets } from "../secrets.ts";
import type { RedisConnection } from "./connection.ts";
import { scanKeys } from "./scan-keys.ts";

/** @param folder the relay's own data folder */
export function createRedisSecrets(connection: RedisConnection, folder: string): SharedSecrets {
  const { client, ask, prefix } = connection;
  const keyOf = (name: string): string => `${prefix}:secret:${name}`;
  return {
    async ensure(name, make) {
      const key = keyOf(name);
      // What the folder holds from a time before Redis, hooks may carry already.
      const proposed = (await ifPermitted(() => readSecret(folder, name))) ?? make();
      const isNew = (await ask(client.set(key, proposed, "NX"))) === "OK";
      const value = isNew ? proposed : ((await ask(client.get(key))) ?? proposed);
      const file = await ifPermitted(() => copySecret(folder, name, value));
      return { value, isNew, place: file ?? `the key ${key} of Redis`, file };
    },
    find: (name) => ask(client.get(keyOf(name))),
    count: async (name) => Number((await ask(client.get(keyOf(name)))) ?? 0),
    increment: (name) => ask(client.incr(keyOf(name))),
    async counters(beginning) {
      const counters = new Map<string, number>();
      for await (const keys of scanKeys(connection, `${keyOf(beginning)}*`))
        for (const key of keys)
          counters.set(key.slice(keyOf("").length), Number((await ask(client.get(key))) ?? 0));
      return counters;
    },
    async raise(name, to) {
      const present = Number((await ask(client.get(keyOf(name)))) ?? 0);
      if (present < to) await ask(client.incrby(keyOf(name), to - present));
    },
  };
}

/** Null if the folder cannot be read or written: relays on Redis need none. */
async function ifPermitted<T>(task: () => Promise<T>): Promise<T | null> {
  try {
    return await task();
  } catch (error) {
    if (systemCode(error) === null) throw error;
    return null;
  }
}
