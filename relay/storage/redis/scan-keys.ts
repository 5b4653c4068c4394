/** All keys of a pattern, piece by piece, for what has no index of its own. Every key that is there all the while comes at least once. */
import type { RedisConnection } from "./connection.ts";

/** Keys that Redis looks at in one step. */
const STEP = 1000;

/** @param pattern as Redis' own, the prefix of the connection in it */
export async function* scanKeys(redis: RedisConnection, pattern: string): AsyncGenerator<string[]> {
  // What ioredis does not escape: braces are plain characters in Redis' patterns.
  for (const server of redis.masters()) {
    let cursor = "0";
    do {
      const [next, keys] = await redis.ask(server.scan(cursor, "MATCH", pattern, "COUNT", STEP));
      if (keys.length > 0) yield keys;
      cursor = next;
    } while (cursor !== "0");
  }
}
