/** The notes in the Redis that relays share: a sorted set of windows by their end, the last result, and the lease. */
import { randomBytes } from "node:crypto";
import type { RecoveryLease, MissedWindow, RecoveryNotes } from "../recovery-notes.ts";
import type { RedisConnection } from "./connection.ts";
import { SCRIPTS } from "./scripts.ts";

export function createRedisRecoveryNotes({ client, ask, prefix }: RedisConnection): RecoveryNotes {
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
    async lease(ttlMs) {
      const holder = randomBytes(12).toString("hex");
      if ((await ask(client.set(leaseKey, holder, "PX", ttlMs, "NX"))) !== "OK") return null;
      const held = async (forMs: number): Promise<boolean> =>
        (await ask(client.eval(SCRIPTS.lease.lua, 1, leaseKey, holder, forMs))) === 1;
      return {
        renew: () => held(ttlMs),
        async release() {
          await held(0);
        },
      } satisfies RecoveryLease;
    },
  };
}
