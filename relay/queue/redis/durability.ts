/**
 * Whether this Redis keeps what it acknowledges: the rules, applied to what CONFIG and INFO say.
 *
 * Durable means: the append-only file is on; each write is synced before its answer (`appendfsync always`), or the relay waits for
 * the sync itself (WAITAOF, Redis 7.2 and Valkey); nothing is evicted; this is no replica; the last write of the file went well.
 * See https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/.
 */
import type { Check } from "../queue.ts";

export interface RedisFacts {
  readonly version: string;
  readonly role: string;
  readonly appendOnly: string | null;
  readonly appendFsync: string | null;
  readonly maxMemoryPolicy: string | null;
  readonly maxMemory: string | null;
  readonly aofLastWrite: string;
  readonly loading: boolean;
}

/** `key:value` lines of INFO. */
export function parseInfo(text: string): ReadonlyMap<string, string> {
  return new Map(
    text
      .split(/\r?\n/)
      .filter((line) => line.includes(":"))
      .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)] as const),
  );
}

/** WAITAOF exists from Redis 7.2; Valkey began with it. */
export function hasWaitAof(info: ReadonlyMap<string, string>): boolean {
  if (info.has("valkey_version")) return true;
  const [major = 0, minor = 0] = (info.get("redis_version") ?? "0.0").split(".").map(Number);
  return major > 7 || (major === 7 && minor >= 2);
}

/** Whether each enqueue has to be followed by WAITAOF to be durable; null where even that cannot make it so. */
export function needsWaitAof(facts: RedisFacts, waitAof: boolean): boolean | null {
  if (facts.appendOnly !== "yes") return null;
  if (facts.appendFsync === "always") return false;
  return waitAof ? true : null;
}

const DETAIL_UNREADABLE = "cannot be read: CONFIG GET is not permitted to this user";

/** One check per rule; with `required` false what is missing is said, but does not count as wrong. */
export function durabilityChecks(facts: RedisFacts, waitAof: boolean, required: boolean): Check[] {
  const rule = (name: string, ok: boolean, detail: string): Check => ({ name, ok: ok || !required, detail });
  const fsync = needsWaitAof(facts, waitAof);
  return [
    rule(
      "redis-appendonly",
      facts.appendOnly === "yes",
      facts.appendOnly === null
        ? `appendonly ${DETAIL_UNREADABLE}`
        : `appendonly is ${facts.appendOnly}, wanted: yes`,
    ),
    rule(
      "redis-appendfsync",
      fsync !== null,
      facts.appendFsync === null
        ? `appendfsync ${DETAIL_UNREADABLE}`
        : fsync === true
          ? `appendfsync is ${facts.appendFsync}; each event waits for the sync (WAITAOF)`
          : `appendfsync is ${facts.appendFsync}, wanted: always, or Redis 7.2 and later for WAITAOF`,
    ),
    rule(
      "redis-eviction",
      facts.maxMemoryPolicy === "noeviction" || facts.maxMemory === "0",
      facts.maxMemoryPolicy === null
        ? `maxmemory-policy ${DETAIL_UNREADABLE}`
        : `maxmemory-policy is ${facts.maxMemoryPolicy}, wanted: noeviction`,
    ),
    { name: "redis-role", ok: facts.role === "master", detail: `role is ${facts.role}, wanted: master` },
    {
      name: "redis-aof-write",
      ok: facts.aofLastWrite === "ok" || facts.appendOnly !== "yes",
      detail: `last write of the append-only file: ${facts.aofLastWrite}`,
    },
    {
      name: "redis-loaded",
      ok: !facts.loading,
      detail: facts.loading ? "loading its data set" : "data set loaded",
    },
  ];
}
