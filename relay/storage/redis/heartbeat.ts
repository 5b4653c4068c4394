/** The note in the Redis that relays share: as long as one of them is there, none of them was away. */
import type { RedisConnection } from "./connection.ts";
import { timeIn, type Mark } from "../heartbeat.ts";

export function createRedisMark(connection: RedisConnection): Mark {
  const { client, ask, prefix } = connection;
  const key = `${prefix}:last-seen`;
  return {
    read: async () => timeIn(await ask(client.get(key))),
    async write(at) {
      await ask(client.set(key, String(at)));
    },
    close: () => connection.close(),
  };
}
