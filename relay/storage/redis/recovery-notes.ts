/** The notes in the Redis that relays share: a sorted set of windows by their end, the last result, and the lease. */
import type { MissedWindow, RecoveryNotes } from "../recovery-notes.ts";
import type { RedisConnection } from "./connection.ts";
import { takeSoleLease } from "./sole-lease.ts";

export function createRedisRecoveryNotes(redis: RedisConnection): RecoveryNotes {
  const { client, ask, prefix } = redis;
  const windows = `${prefix}:recovery:windows`;
  const result = `${prefix}:recovery:result`;
  const leaseKey = `${prefix}:recovery:lease`;

  return {
    async windows() {
      const members = await ask(client.zrange(windows, 0, -1));
      return members.map((member) => JSON.parse(member) as MissedWindow);
    },
    async add({ since, until, cause }) {
      await ask(client.zadd(windows, until, JSON.stringify({ since, until, cause })));
    },
    async settle(until, kept) {
      await ask(client.multi().zremrangebyscore(windows, "-inf", until).set(result, kept).exec());
    },
    lastResult: () => ask(client.get(result)),
    lease: (ttlMs) => takeSoleLease(redis, leaseKey, ttlMs),
  };
}
