/** What retention no longer keeps, taken out of Redis in batches. */
import type { Clock } from "../../../lib/clock.ts";
import type { StorageSettings } from "../settings.ts";
import { latestDeliveries } from "../../queue/filter.ts";
import type { EventSummary } from "../../queue/queue.ts";
import type { RedisConnection } from "./connection.ts";
import { firstIdOf } from "./ids.ts";

const BATCH = 200;

export interface RetentionDeps {
  readonly redis: RedisConnection;
  readonly clock: Clock;
  readonly retain: () => StorageSettings["retain"];
  readonly get: (id: string) => Promise<EventSummary | null>;
  readonly removed: (id: string) => void;
}

export type RedisRetention = ReturnType<typeof createRetention>;

export function createRetention({ redis, clock, retain, get, removed }: RetentionDeps) {
  const { client, prefix, ask, run } = redis;

  /** Removes these, or those of them that stand in the index with nothing open. */
  async function remove(ids: readonly string[], index: "final" | "dead" | null): Promise<number> {
    const replies = await Promise.all(ids.map((id) => run("remove", index === null ? [id] : [id, index])));
    const gone = ids.filter((_, i) => replies[i] === 1);
    for (const id of gone) removed(id);
    return gone.length;
  }

  /** The first of those that ended, as many as must go to give so many bytes back. */
  async function oldestOf(bytes: number): Promise<string[]> {
    const ids = await ask(client.zrange(`${prefix}:final`, 0, BATCH - 1));
    const sizes = await Promise.all(ids.map((id) => ask(client.strlen(`${prefix}:event:${id}`))));
    let given = 0;
    return ids.filter((_, i) => {
      const goes = given < bytes;
      given += sizes[i] ?? 0;
      return goes;
    });
  }

  /** Delivered events: those that ended first go, by age and by bytes. */
  async function expireDelivered(): Promise<number> {
    const cutoff = clock.now() - retain().deliveredSeconds * 1000;
    let total = 0;
    for (;;) {
      const aged = await ask(client.zrangebyscore(`${prefix}:final`, "-inf", cutoff, "LIMIT", 0, BATCH));
      const kept = Number((await ask(client.hget(`${prefix}:sums`, "finalbytes"))) ?? 0);
      const gone = await remove(
        aged.length > 0 ? aged : await oldestOf(kept - retain().deliveredBytes),
        "final",
      );
      total += gone;
      if (gone === 0) return total;
    }
  }

  /** Dead letters, by the time of their end: their index is in the order of receipt, so what ended late is looked at again. */
  async function expireDead(): Promise<number> {
    const cutoff = clock.now() - retain().deadSeconds * 1000;
    let from = "-";
    let total = 0;
    for (;;) {
      const ids = await ask(
        client.zrangebylex(`${prefix}:dead`, from, `(${firstIdOf(cutoff)}`, "LIMIT", 0, BATCH),
      );
      const last = ids.at(-1);
      if (last === undefined) return total;
      const summaries = await Promise.all(ids.map(get));
      const expired = ids.filter((_, i) =>
        latestDeliveries(summaries[i]?.deliveries ?? []).every(
          (d) => d.endedAt !== null && d.endedAt <= cutoff,
        ),
      );
      total += await remove(expired, "dead");
      from = `(${last}`;
    }
  }

  return {
    remove: (id: string): Promise<number> => remove([id], null),
    expire: async (): Promise<number> => (await expireDelivered()) + (await expireDead()),
  };
}
