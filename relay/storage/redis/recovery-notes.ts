/**
 * The notes in the Redis that relays share: for each GitLab a sorted set of windows by their end, the last result, and the lease; and the
 * names of the GitLabs.
 */
import { DEFAULT_INSTANCE } from "../../event/event.ts";
import type { MissedWindow, RecoveryNotes } from "../recovery-notes.ts";
import type { RedisConnection } from "./connection.ts";
import { takeSoleLease } from "./sole-lease.ts";

export function createRedisRecoveryNotes(redis: RedisConnection, instance: string): RecoveryNotes {
  const { client, ask, prefix } = redis;
  const suffix = instance === DEFAULT_INSTANCE ? "" : `:${instance}`;
  const windows = `${prefix}:recovery:windows${suffix}`;
  const result = `${prefix}:recovery:result${suffix}`;
  const leaseKey = `${prefix}:recovery:lease${suffix}`;
  const names = instancesKey(redis);

  return {
    async windows() {
      const members = await ask(client.zrange(windows, 0, -1));
      return members.map((member) => JSON.parse(member) as MissedWindow);
    },
    async add(window, goesOn) {
      const change = client.multi().sadd(names, instance);
      if (goesOn !== undefined) change.zrem(windows, memberOf(goesOn));
      await ask(change.zadd(windows, window.until, memberOf(window)).exec());
    },
    async settle(until, kept) {
      const change = client.multi().sadd(names, instance).zremrangebyscore(windows, "-inf", until);
      await ask(change.set(result, kept).exec());
    },
    lastResult: () => ask(client.get(result)),
    lease: (ttlMs) => takeSoleLease(redis, leaseKey, ttlMs),
  };
}

function memberOf({ since, until, cause }: MissedWindow): string {
  return JSON.stringify({ since, until, cause });
}

/** That of `gitlab` had notes before the others could have any. */
export async function redisRecoveryInstances(redis: RedisConnection): Promise<readonly string[]> {
  const named = await redis.ask(redis.client.smembers(instancesKey(redis)));
  return [...new Set([DEFAULT_INSTANCE, ...named])];
}

function instancesKey({ prefix }: RedisConnection): string {
  return `${prefix}:recovery:instances`;
}
