/** Counts of the Redis queue, as all its relays see it. */
import type { QueueStats, TargetStats } from "../queue.ts";
import type { RedisConnection } from "./connection.ts";
import { receivedAtOf } from "./ids.ts";

/** Before the first look. */
export const NO_STATS: QueueStats = {
  events: 0,
  byState: { waiting: 0, sending: 0, done: 0, dead: 0 },
  targets: new Map(),
  oldestWaitingAt: null,
  bytes: 0,
  remembered: 0,
};

async function readTarget(
  { client, prefix, ask }: RedisConnection,
  target: string,
  paused: boolean,
  lanes: number,
): Promise<TargetStats> {
  const open = `${prefix}:open:${target}`;
  // The group is made with the first claim: until then nothing is being sent.
  const pending = (kind: string): Promise<number> =>
    client.xpending(`${prefix}:${kind}:${target}`, "relay").then(
      (summary) => Number(summary[0]),
      () => 0,
    );
  const [unfinished, dead, oldest, first, retry] = await Promise.all([
    ask(client.zcard(open)),
    ask(client.zcard(`${prefix}:dead:${target}`)),
    ask(client.zrange(open, 0, 0)),
    pending("first"),
    pending("retry"),
  ]);
  const sending = Math.min(unfinished, first + retry);
  const oldestAt = oldest[0] === undefined ? null : receivedAtOf(oldest[0]);
  return { waiting: unfinished - sending, sending, dead, lanes, paused, oldestAt };
}

/** Looks at everything that is counted. Rejects with an UpstreamError. */
export async function readStats(redis: RedisConnection, targets: readonly string[]): Promise<QueueStats> {
  const { client, prefix, ask } = redis;
  const [events, final, dead, bytes, paused, lanes] = await Promise.all([
    ask(client.zcard(`${prefix}:events`)),
    ask(client.zcard(`${prefix}:final`)),
    ask(client.zcard(`${prefix}:dead`)),
    ask(client.get(`${prefix}:bytes`)),
    ask(client.smembers(`${prefix}:paused`)),
    ask(client.hgetall(`${prefix}:lanes`)),
  ]);
  const read = targets.map(
    async (name) =>
      [name, await readTarget(redis, name, paused.includes(name), Number(lanes[name] ?? 0))] as const,
  );
  const perTarget = new Map(await Promise.all(read));
  const all = [...perTarget.values()];
  const oldest = all.flatMap((t) => (t.oldestAt === null ? [] : [t.oldestAt]));
  return {
    events,
    byState: {
      waiting: all.reduce((sum, t) => sum + t.waiting, 0),
      sending: all.reduce((sum, t) => sum + t.sending, 0),
      done: final,
      dead,
    },
    targets: perTarget,
    oldestWaitingAt: oldest.length === 0 ? null : Math.min(...oldest),
    bytes: Number(bytes ?? 0),
    remembered: events,
  };
}
