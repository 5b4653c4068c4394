/**
 * Whether this Redis keeps what it acknowledges: the rules, applied to what CONFIG and INFO say.
 *
 * Durable means: the append-only file is on; each write is synced before its answer (`appendfsync always`), or the relay waits for
 * the sync itself (WAITAOF, Redis 7.2 and Valkey); nothing is evicted; this is no replica; the last write of the file went well.
 * And it must take writes at all.
 * See https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/.
 */
import type { Redis } from "ioredis";
import { messageOf, UpstreamError } from "../../../lib/errors.ts";
import type { Check } from "../../queue/queue.ts";
import type { RedisConnection } from "./connection.ts";
import type { RedisSettings } from "./settings.ts";

export interface RedisFacts {
  readonly version: string;
  readonly role: string;
  readonly appendOnly: string | null;
  readonly appendFsync: string | null;
  readonly maxMemoryPolicy: string | null;
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

/** Whether each enqueue has to be followed by WAITAOF to be durable; null if even that cannot make it so. */
export function needsWaitAof(facts: RedisFacts, waitAof: boolean): boolean | null {
  if (facts.appendOnly !== "yes") return null;
  if (facts.appendFsync === "always") return false;
  return waitAof ? true : null;
}

/** The check that says whether writes are taken. */
export const WRITE_CHECK = "redis-write";

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
      facts.maxMemoryPolicy === "noeviction",
      facts.maxMemoryPolicy === null
        ? `maxmemory-policy ${DETAIL_UNREADABLE}`
        : `maxmemory-policy is ${facts.maxMemoryPolicy}, wanted: noeviction`,
    ),
    rule("redis-role", facts.role === "master", `role is ${facts.role}, wanted: master`),
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

/** What one server says of itself. */
async function readFacts(server: Redis): Promise<{ facts: RedisFacts; waitAof: boolean }> {
  const info = parseInfo(await server.info());
  // A hosted Redis may forbid CONFIG: INFO tells part of it, and the rest counts as unknown.
  const setting = async (name: string): Promise<string | null> => {
    try {
      return ((await server.config("GET", name)) as string[])[1] ?? null;
    } catch (error) {
      if (error instanceof Error && /^(NOPERM|ERR)/.test(error.message)) return null;
      throw error;
    }
  };
  const [appendOnly, appendFsync, policy] = await Promise.all([
    setting("appendonly"),
    setting("appendfsync"),
    setting("maxmemory-policy"),
  ]);
  const facts: RedisFacts = {
    version: info.get("redis_version") ?? "unknown",
    role: info.get("role") ?? "unknown",
    appendOnly: appendOnly ?? (info.get("aof_enabled") === "1" ? "yes" : null),
    appendFsync,
    maxMemoryPolicy: policy ?? info.get("maxmemory_policy") ?? null,
    aofLastWrite: info.get("aof_last_write_status") ?? "ok",
    loading: info.get("loading") === "1",
  };
  return { facts, waitAof: hasWaitAof(info) };
}

/** A check that says it all, where nothing else could be found out. */
export function unreachable(error: unknown): Check[] {
  return [{ name: "redis", ok: false, detail: messageOf(error) }];
}

/** Whether it takes writes: what is refused now would be refused to an event, too. */
async function probe(redis: Pick<RedisConnection, "run">): Promise<Check> {
  const name = WRITE_CHECK;
  try {
    await redis.run("probe", []);
    return { name, ok: true, detail: "takes writes" };
  } catch (error) {
    return { name, ok: false, detail: messageOf(error) };
  }
}

/**
 * Looks at Redis (in a cluster: at each of its masters): what is wrong, and whether each event has to wait for the sync itself.
 * Rejects if it is out of reach.
 */
export async function inspectDurability(
  redis: Pick<RedisConnection, "masters" | "ask" | "run">,
  config: Pick<RedisSettings, "requireDurable" | "waitReplicas">,
): Promise<{ checks: Check[]; waitForSync: boolean }> {
  const servers = redis.masters();
  if (servers.length === 0)
    throw new UpstreamError("storage", "no master of the cluster is known", { retryable: true });
  const found = await redis.ask(Promise.all(servers.map(readFacts)));
  const checks = new Map<string, Check>();
  for (const { facts, waitAof } of found) {
    for (const check of durabilityChecks(facts, waitAof, config.requireDurable)) {
      if (checks.get(check.name)?.ok ?? true) checks.set(check.name, check);
    }
  }
  const wanted = found.some(
    ({ facts, waitAof }) => needsWaitAof(facts, waitAof) === true || (config.waitReplicas > 0 && waitAof),
  );
  // Fewer copies on replicas than the settings ask for are always reported.
  if (config.waitReplicas > 0 && !found.every(({ waitAof }) => waitAof)) {
    checks.set("redis-replicas", {
      name: "redis-replicas",
      ok: !config.requireDurable,
      detail: "waitReplicas is set, but this Redis is older than 7.2 and cannot wait for them (WAITAOF)",
    });
  }
  const versions = [...new Set(found.map(({ facts }) => facts.version))].join(", ");
  return {
    checks: [
      { name: "redis", ok: true, detail: `Redis ${versions} answers` },
      ...checks.values(),
      await probe(redis),
    ],
    waitForSync: config.requireDurable && wanted,
  };
}
