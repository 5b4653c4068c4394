/** Events in Redis by kind. Scripts count them as events come and go; countKind() of library.lua has the grammar of what counts. */
import type { NewEvent } from "../../event/event.ts";
import type { KindCounts } from "../../queue/queue.ts";
import type { RedisConnection } from "./connection.ts";

/** GitLab's kinds look so; what a sender makes up beyond that is not counted. */
const KIND = /^[a-z_]+$/;
/** Characters of a header before the kind, above which a script does not look for it. */
const MAX_HEADER = 1000;
/** In place of a kind: id of the first event that was counted. */
const SINCE = "";

/** As the scripts count it; empty: it is not counted. */
export function countedKind({ kind, eventName, header }: NewEvent["meta"]): string {
  const name = kind ?? eventName ?? "";
  return KIND.test(name) && (header ?? "").length <= MAX_HEADER ? name : "";
}

export async function readKinds({ client, prefix, ask }: RedisConnection): Promise<KindCounts> {
  const [fields, oldest] = await Promise.all([
    ask(client.hgetall(`${prefix}:kinds`)),
    ask(client.zrange(`${prefix}:events`, 0, 0)),
  ]);
  const { [SINCE]: since, ...kinds } = fields;
  const [first] = oldest;
  return {
    counts: new Map(Object.entries(kinds).map(([kind, count]) => [kind, Number(count)])),
    isWhole: first === undefined || (since !== undefined && since <= first),
  };
}
