/** What a Redis is worth as a storage, seen from outside: the rules of durability, and how long a write takes. */
import type { StorageDeps, StorageProbe } from "../driver.ts";
import type { RedisConnection } from "./connection.ts";
import { inspectDurability, unreachable } from "./durability.ts";

const WRITES = 20;

export async function probeRedis(
  connect: () => Promise<RedisConnection>,
  { clock, settings }: Pick<StorageDeps, "clock" | "settings">,
): Promise<StorageProbe> {
  try {
    const redis = await connect();
    const { checks } = await inspectDurability(redis, settings().redis);
    if (checks.some(({ ok }) => !ok)) return { checks, syncMs: null };
    const times: number[] = [];
    for (let count = 0; count < WRITES; count += 1) {
      const start = clock.monotonic();
      await redis.run("probe", []);
      times.push(clock.monotonic() - start);
    }
    return { checks, syncMs: times.sort((a, b) => a - b)[WRITES / 2] ?? null };
  } catch (error) {
    return { checks: unreachable(error), syncMs: null };
  }
}
