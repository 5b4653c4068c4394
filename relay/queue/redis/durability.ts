/**
 * Whether this Redis keeps what it acknowledges: the rules, applied to what CONFIG and INFO say.
 *
 * Durable means: the append-only file is on; each write is synced before its answer (`appendfsync always`), or the relay waits for
 * the sync itself (WAITAOF, Redis 7.2 and Valkey); nothing is evicted; this is no replica; the last write of the file went well.
 * See https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/.
 */
import type { Check } from "../queue.ts";
import type { RedisConfig, RedisConnection } from "./connection.ts";

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

async function readFacts({ client, ask }: RedisConnection): Promise<{ facts: RedisFacts; waitAof: boolean }> {
  const info = parseInfo(await ask(client.info()));
  const names = ["appendonly", "appendfsync", "maxmemory-policy", "maxmemory"];
  // A hosted Redis may forbid CONFIG: INFO tells part of it, and the rest counts as unknown.
  const replies = await Promise.all(
    names.map((name) => (client.config("GET", name) as Promise<string[]>).catch((): string[] => [])),
  );
  const settings = new Map(replies.filter((r) => r.length === 2).map(([name, value]) => [name!, value!]));
  const facts: RedisFacts = {
    version: info.get("redis_version") ?? "unknown",
    role: info.get("role") ?? "unknown",
    appendOnly: settings.get("appendonly") ?? (info.get("aof_enabled") === "1" ? "yes" : null),
    appendFsync: settings.get("appendfsync") ?? null,
    maxMemoryPolicy: settings.get("maxmemory-policy") ?? info.get("maxmemory_policy") ?? null,
    maxMemory: settings.get("maxmemory") ?? info.get("maxmemory") ?? null,
    aofLastWrite: info.get("aof_last_write_status") ?? "ok",
    loading: info.get("loading") === "1",
  };
  return { facts, waitAof: hasWaitAof(info) };
}

/** Looks at Redis: what is wrong, and whether each enqueue has to wait for the sync itself. Rejects where it is out of reach. */
export async function inspectDurability(
  redis: RedisConnection,
  config: RedisConfig,
): Promise<{ checks: Check[]; waitForSync: boolean }> {
  const { facts, waitAof } = await readFacts(redis);
  const answers = { name: "redis", ok: true, detail: `Redis ${facts.version} answers` };
  const wanted = needsWaitAof(facts, waitAof) === true || (config.waitReplicas > 0 && waitAof);
  return {
    checks: [answers, ...durabilityChecks(facts, waitAof, config.requireDurable)],
    waitForSync: config.requireDurable && wanted,
  };
}
