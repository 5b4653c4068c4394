/** The note in the Redis that relays share: as long as one of them is there, none of them was away. */
import type { RedisConnection } from "./connection.ts";
import { timeIn, type Heartbeat } from "../heartbeat.ts";

export function createRedisHeartbeat(connection: RedisConnection): Heartbeat {
  const { client, ask, prefix } = connection;
  const key = `${prefix}:last-seen`;
  return {
    read: async () => timeIn(await ask(client.get(key))),
    async write(at) {
      await ask(client.set(key, String(at)));
    },
    close: () => Promise.resolve(),
  };
}
