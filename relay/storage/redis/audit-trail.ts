/** The audit trail in the Redis that relays share: a stream of what was asked for, and a hash of how it was answered. */
import {
  AuditCursorError,
  type AuditEntry,
  type AuditNote,
  type AuditPage,
  type AuditQuery,
  type WholeAuditTrail,
} from "../audit-trail.ts";
import type { RedisConnection } from "./connection.ts";

/** Entries that are read at once. */
const BATCH = 500;
/** Entries that one page looks at, at most, for those of one event or target. */
const MAX_LOOK = 20_000;
/** An id of a Redis stream. */
const ID = /^\d{1,15}-\d{1,15}$/;

export function createRedisAuditTrail({ client, ask, prefix }: RedisConnection): WholeAuditTrail {
  const stream = `${prefix}:audit`;
  const answers = `${prefix}:audit:answers`;

  /** Newest first. */
  const batch = async (before: string | undefined): Promise<AuditEntry[]> => {
    const from = before === undefined ? "+" : `(${before}`;
    const rows = await ask(client.xrevrange(stream, from, "-", "COUNT", BATCH));
    return await entriesOf(rows);
  };

  const entriesOf = async (rows: readonly [string, string[]][]): Promise<AuditEntry[]> => {
    if (rows.length === 0) return [];
    const statuses = await ask(client.hmget(answers, ...rows.map(([id]) => id)));
    return rows.map(([id, fields], index) => {
      const status = statuses[index] ?? null;
      const note = JSON.parse(fields[1] as string) as AuditNote;
      return Object.assign(note, { id, status: status === null ? null : Number(status) });
    });
  };

  return {
    note: async (note) => (await ask(client.xadd(stream, "*", "note", JSON.stringify(note)))) as string,
    async answered(id, status) {
      await ask(client.hset(answers, id, status));
    },
    async list({ before, subject, limit }: AuditQuery): Promise<AuditPage> {
      if (before !== undefined && !ID.test(before)) throw new AuditCursorError();
      const entries: AuditEntry[] = [];
      let from: string | null | undefined = before;
      for (let looked = 0; from !== null && entries.length <= limit && looked < MAX_LOOK; looked += BATCH) {
        const rows = await batch(from);
        entries.push(...rows.filter((entry) => subject === undefined || entry.subject === subject));
        from = rows.length < BATCH ? null : rows.at(-1)!.id;
      }
      const page = entries.slice(0, limit);
      return { entries: page, cursor: (entries.length > limit ? page.at(-1)?.id : from) ?? null };
    },
    async *all() {
      let from = "-";
      for (;;) {
        const rows = await ask(client.xrange(stream, from, "+", "COUNT", BATCH));
        yield* await entriesOf(rows);
        const last = rows.at(-1)?.[0];
        if (last === undefined || rows.length < BATCH) return;
        from = `(${last}`;
      }
    },
    async replaceAll(entries) {
      await ask(client.del(stream, answers));
      // Ids of a stream ascend, whatever the clocks of relays did.
      let time = 0;
      let count = 0;
      for await (const { id: _id, status, ...note } of entries) {
        count = note.at > time ? 0 : count + 1;
        time = Math.max(time, note.at);
        const id = `${time}-${count}`;
        const added = client.multi().xadd(stream, id, "note", JSON.stringify(note));
        await ask((status === null ? added : added.hset(answers, id, status)).exec());
      }
    },
    async expire(before) {
      for (;;) {
        const rows = await ask(client.xrange(stream, "-", `(${before}-0`, "COUNT", BATCH));
        const ids = rows.map(([id]) => id);
        if (ids.length > 0)
          await ask(
            client
              .multi()
              .hdel(answers, ...ids)
              .xdel(stream, ...ids)
              .exec(),
          );
        if (ids.length < BATCH) return;
      }
    },
    close: () => Promise.resolve(),
  };
}
