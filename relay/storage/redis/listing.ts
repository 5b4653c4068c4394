/** Reads events out of Redis for people: one, or a page of them. Bodies are never loaded for a list. */
import type { Clock } from "../../../lib/clock.ts";
import { decodeMeta, metaEnd, type EventMeta } from "../../event/event.ts";
import type { Delivery } from "../../queue/delivery-state.ts";
import { compileFilter, eventState, several, stateMatches } from "../../queue/filter.ts";
import { foldId, gitlabIdsOf } from "../../event/gitlab-ids.ts";
import {
  FIND_LIMIT,
  type EventFilter,
  type EventPage,
  type EventSummary,
  type ListOrder,
} from "../../queue/queue.ts";
import { gitlabIdStart } from "./ids.ts";
import { decodeDelivery } from "./codec.ts";
import type { RedisConnection } from "./connection.ts";

/** Bytes read for the metadata at first; if it is longer, the rest is read too. */
const META_BYTES = 2048;
const SCAN_BATCH = 200;
/** A page that has not filled up by then is handed out as it is. */
const SCAN_BUDGET_MS = 100;

interface ListScan {
  readonly cursor: string | null;
  readonly towards: "older" | "newer";
  readonly budgetMs: number;
}

type Hash = Readonly<Record<string, string>>;

/** A replay before the matching counts as open, too: then the hash says that the matching is still to come. */
export function isRouted(state: Hash): boolean {
  return "open" in state && !("unrouted" in state);
}

/** By target, then in the order of their making: a hash has no order of its own. */
export function deliveriesOf(meta: Pick<EventMeta, "id" | "receivedAt">, state: Hash): Delivery[] {
  return Object.entries(state)
    .flatMap(([field, value]) => {
      const match = /^([^@].*):(\d+)$/.exec(field);
      return match === null ? [] : [decodeDelivery(value, meta, match[1]!, Number(match[2]))];
    })
    .sort((a, b) => (a.target === b.target ? a.replay - b.replay : a.target < b.target ? -1 : 1));
}

export type RedisListing = ReturnType<typeof createRedisListing>;

export function createRedisListing(redis: RedisConnection, clock: Clock) {
  const { client, prefix, ask } = redis;

  async function readMeta(id: string, start: Buffer): Promise<EventMeta | null> {
    if (start.length < 4) return null;
    const end = metaEnd(start);
    if (end <= start.length) return decodeMeta(start);
    const whole = await ask(client.getrangeBuffer(`${prefix}:event:${id}`, 0, end - 1));
    return whole.length < end ? null : decodeMeta(whole);
  }

  async function summaries(ids: readonly string[]): Promise<EventSummary[]> {
    const read = await Promise.all(
      ids.map(async (id): Promise<EventSummary | null> => {
        const [start, state] = await Promise.all([
          ask(client.getrangeBuffer(`${prefix}:event:${id}`, 0, META_BYTES - 1)),
          ask(client.hgetall(`${prefix}:state:${id}`)),
        ]);
        const meta = await readMeta(id, start);
        if (meta === null) return null;
        const deliveries = deliveriesOf(meta, state);
        return { meta, deliveries, state: eventState(deliveries, isRouted(state)) };
      }),
    );
    return read.filter((summary) => summary !== null);
  }

  /** The index that holds the fewest ids for this filter. */
  function indexFor(filter: EventFilter): string {
    const [state, ...others] = several(filter.state);
    if (others.length > 0) return "events";
    if (state === "dead") return filter.target === undefined ? "dead" : `dead:${filter.target}`;
    return state === "unrouted" ? "unrouted" : "events";
  }

  async function scan(
    filter: EventFilter,
    limit: number,
    { cursor, towards, budgetMs }: ListScan,
  ): Promise<EventPage> {
    const isOlder = towards === "older";
    const compiled = compileFilter(filter);
    const index = `${prefix}:${indexFor(filter)}`;
    const started = clock.monotonic();
    const events: EventSummary[] = [];
    let looked = 0;
    /** Place of the last one found among those that were looked at. */
    let decided = 0;
    let from = cursor === null ? (isOlder ? "+" : "-") : `(${cursor}`;
    for (;;) {
      const batch = Math.min(SCAN_BATCH, Math.max(limit - events.length + 1, 20));
      const ids = await ask(
        isOlder
          ? client.zrevrangebylex(index, from, "-", "LIMIT", 0, batch)
          : client.zrangebylex(index, from, "+", "LIMIT", 0, batch),
      );
      for (const summary of await summaries(ids)) {
        looked += 1;
        const fits =
          compiled.meta(summary.meta) &&
          stateMatches(summary.deliveries, summary.state !== "unrouted", filter);
        if (!fits) continue;
        if (events.length === limit)
          return { events, cursor: events.at(-1)!.meta.id, partial: false, looked: decided };
        events.push(summary);
        decided = looked;
      }
      const last = ids.at(-1);
      if (last === undefined || ids.length < batch) return { events, cursor: null, partial: false, looked };
      from = `(${last}`;
      if (clock.monotonic() - started > budgetMs) return { events, cursor: last, partial: true, looked };
    }
  }

  return {
    async get(id: string): Promise<EventSummary | null> {
      return (await summaries([id]))[0] ?? null;
    },

    /** As Queue.find(). The numbers in Redis say which events to look at, their metadata says whether it is one of them. */
    async find(text: string): Promise<EventSummary[]> {
      const wanted = foldId(text);
      if (wanted === null) return [];
      const start = gitlabIdStart(wanted);
      const [own, members] = await Promise.all([
        summaries([wanted]),
        ask(client.zrevrangebylex(`${prefix}:gitlab-ids`, `(${start}~`, `[${start}`, "LIMIT", 0, FIND_LIMIT)),
      ]);
      if (own.length > 0) return own;
      const found = await summaries(members.map((member) => member.slice(start.length)));
      return found.filter(({ meta }) => gitlabIdsOf(meta).includes(wanted));
    },

    /** What has not filled up within the budget is handed out as it is. */
    page: (
      filter: EventFilter,
      limit: number,
      { cursor, order }: { readonly cursor: string | null; readonly order: ListOrder },
    ): Promise<EventPage> =>
      scan(filter, limit, {
        cursor,
        towards: order === "newest" ? "older" : "newer",
        budgetMs: SCAN_BUDGET_MS,
      }),

    /** Oldest first. @param budgetMs of looking. @default to the end */
    oldest: (
      filter: EventFilter,
      limit: number,
      cursor: string | null,
      budgetMs = Number.POSITIVE_INFINITY,
    ): Promise<EventPage> => scan(filter, limit, { cursor, towards: "newer", budgetMs }),
  };
}
