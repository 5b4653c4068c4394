/** Counts of the Redis queue, as all its relays see it. */
import type { QueueStats, TargetStats } from "../../queue/queue.ts";
import type { RedisConnection } from "./connection.ts";
import { DEAD_REASONS } from "../../queue/dead-reason.ts";
import { receivedAtOf } from "./ids.ts";

const [OTHER = ""] = DEAD_REASONS;

/** What an earlier version gave up has no reason in Redis, and counts as `other`. */
function reasonsOf(dead: number, reasons: Readonly<Record<string, string>>): Map<string, number> {
  const counts = new Map(Object.entries(reasons).map(([reason, count]) => [reason, Number(count)]));
  const without = dead - [...counts.values()].reduce((sum, count) => sum + count, 0);
  if (without > 0) counts.set(OTHER, (counts.get(OTHER) ?? 0) + without);
  return counts;
}

async function readTarget(
  { client, prefix, ask }: RedisConnection,
  target: string,
  { exists, paused, lanes }: Pick<TargetStats, "exists" | "paused" | "lanes">,
): Promise<TargetStats> {
  const open = `${prefix}:open:${target}`;
  // The group is made with the first claim: until then nothing is being sent.
  const pending = async (kind: string): Promise<number> => {
    try {
      const [count] = await client.xpending(`${prefix}:${kind}:${target}`, "relay");
      return Number(count);
    } catch (error) {
      if (error instanceof Error && error.message.startsWith("NOGROUP")) return 0;
      throw error;
    }
  };
  const [unfinished, dead, reasons, oldest, first, retry] = await Promise.all([
    ask(client.zcard(open)),
    ask(client.zcard(`${prefix}:dead:${target}`)),
    ask(client.hgetall(`${prefix}:reasons:${target}`)),
    ask(client.zrange(open, 0, 0)),
    ask(pending("first")),
    ask(pending("retry")),
  ]);
  const sending = Math.min(unfinished, first + retry);
  const oldestAt = oldest[0] === undefined ? null : receivedAtOf(oldest[0]);
  const deadReasons = reasonsOf(dead, reasons);
  return { waiting: unfinished - sending, sending, dead, deadReasons, lanes, paused, exists, oldestAt };
}

async function read(redis: RedisConnection, configured: readonly string[]): Promise<QueueStats> {
  const { client, prefix, ask } = redis;
  const [events, sums, paused, busy, unrouted] = await Promise.all([
    ask(client.zcard(`${prefix}:events`)),
    ask(client.hgetall(`${prefix}:sums`)),
    ask(client.smembers(`${prefix}:paused`)),
    ask(client.smembers(`${prefix}:targets`)),
    ask(client.zrange(`${prefix}:unrouted`, 0, 0)),
  ]);
  const names = [...new Set([...configured, ...busy, ...paused])];
  const lanesOf = (name: string): number => Number(sums[`lanes:${name}`] ?? 0);
  const targets = new Map(
    await Promise.all(
      names.map(async (name) => {
        const known = {
          exists: configured.includes(name),
          paused: paused.includes(name),
          lanes: lanesOf(name),
        };
        return [name, await readTarget(redis, name, known)] as const;
      }),
    ),
  );
  const all = [...targets.values()];
  const total = (count: (target: TargetStats) => number): number =>
    all.reduce((sum, target) => sum + count(target), 0);
  const oldest = all.flatMap((t) => (t.oldestAt === null ? [] : [t.oldestAt]));
  if (unrouted[0] !== undefined) oldest.push(receivedAtOf(unrouted[0]));
  return {
    events,
    byState: {
      waiting: total((t) => t.waiting),
      sending: total((t) => t.sending),
      done: Number(sums["done"] ?? 0),
      dead: total((t) => t.dead),
    },
    targets,
    oldestWaitingAt: oldest.length === 0 ? null : Math.min(...oldest),
    bytes: Number(sums["bytes"] ?? 0),
    remembered: events,
  };
}

/**
 * Looks at everything that is counted. Whoever asks while a look is under way shares the next one, so that an answer is never older
 * than its question and any number of askers costs one look at a time. Rejects with an UpstreamError.
 */
export function createStats(
  redis: RedisConnection,
  targets: () => readonly string[],
): () => Promise<QueueStats> {
  let present: Promise<unknown> | null = null;
  let next: Promise<QueueStats> | null = null;

  return function stats() {
    next ??= (async () => {
      // Askers of the same turn come along, too.
      await (present?.catch(() => {}) ?? Promise.resolve());
      present = next;
      next = null;
      return read(redis, targets());
    })();
    return next;
  };
}
