/**
 * Which targets an event goes to. Where the rules answer at once, as they nearly always do, the routes are stored with the event in
 * one write, so that ordered lanes have the order of storing. Where they must wait (for a project's own file), the event is stored
 * first and matched after that, and all that come behind it keep their places.
 *
 * What a relay stored but did not come to match, as it died, is matched by any of them; what the rules failed on is tried again
 * with the next rules, and every minute.
 */
import { sleep, type Clock } from "../../../lib/clock.ts";
import { messageOf } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import { decodeEvent, type EventMeta } from "../../event/event.ts";
import type { QueueEvent, Route, Router } from "../../queue/queue.ts";
import { FRESH } from "./codec.ts";
import type { RedisConnection } from "./connection.ts";
import { firstIdOf } from "./ids.ts";

/** Age in milliseconds from which an unmatched event counts as left behind by its relay. */
const LEFT_BEHIND_MS = 5000;
const TRY_AGAIN_MS = 60_000;
const BATCH = 100;
const REDIS_RETRY_MS = 500;

type Routes = readonly Route[];
/** Unmatched events that are matched now: all, or those that their relay has left behind. */
type Swept = "all" | "left-behind";

export interface RoutingDeps {
  readonly redis: RedisConnection;
  readonly clock: Clock;
  readonly log: Log;
  readonly emit: (event: QueueEvent) => void;
  readonly announce: (target: string) => void;
}

export interface RedisMatching {
  set(router: Router): void;
  /** The routes, if they are known at once; null: store it without, and call matchLater(). */
  routesNow(meta: EventMeta, body: Uint8Array): Promise<Routes | null>;
  matchLater(meta: EventMeta, body: Uint8Array): void;
  /** Matches what was left behind. Rejects with an UpstreamError. */
  sweep(): Promise<void>;
  /** Resolves once nothing is being matched. */
  close(): Promise<void>;
}

/** Arguments of the scripts for these routes. */
export function routeArgs(routes: Routes): string[] {
  return routes.flatMap(({ target, lane }) => [target, lane ?? "", FRESH]);
}

export function createRedisMatching({ redis, clock, log, emit, announce }: RoutingDeps): RedisMatching {
  const { client, prefix, ask, run } = redis;
  let router: Router | null = null;
  let line: Promise<void> = Promise.resolve();
  let inLine = 0;
  let sweeping: Promise<void> | null = null;
  const closing = new AbortController();
  /** Events that the rules failed on -> monotonic time of that. */
  const failed = new Map<string, number>();

  const fail = (id: string, error: unknown): void => {
    failed.set(id, clock.monotonic());
    log.error("routing.failed", { eventId: id, error: messageOf(error) });
  };

  async function match(meta: EventMeta, body: Uint8Array): Promise<void> {
    if (router === null || closing.signal.aborted) return;
    let routes: Routes;
    try {
      routes = await router(meta, () => Promise.resolve(body));
    } catch (error) {
      fail(meta.id, error);
      return;
    }
    failed.delete(meta.id);
    if ((await run("route", [meta.id, clock.now(), ...routeArgs(routes)])) !== 1) return;
    emit({ type: "routed", meta, targets: routes.map((r) => r.target) });
    for (const { target } of routes) announce(target);
  }

  /** As match(), however long Redis is away: what is in line behind it keeps its place. */
  async function matchSurely(meta: EventMeta, body: Uint8Array): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        await match(meta, body);
        return;
      } catch (error) {
        log.warn("routing.delayed", { eventId: meta.id, error: messageOf(error) });
        await sleep(clock, REDIS_RETRY_MS, closing.signal).catch(() => {});
      }
    }
  }

  async function sweep(which: Swept): Promise<void> {
    if (router === null) return;
    const all = which === "all";
    const before = all ? "+" : `(${firstIdOf(clock.now() - LEFT_BEHIND_MS)}`;
    let from = "-";
    // Not more than there are now: what comes meanwhile is in the line.
    for (let left = await ask(client.zcard(`${prefix}:unrouted`)); left > 0; left -= BATCH) {
      const ids = await ask(client.zrangebylex(`${prefix}:unrouted`, from, before, "LIMIT", 0, BATCH));
      for (const id of ids) {
        if (closing.signal.aborted) return;
        if (!all && clock.monotonic() - (failed.get(id) ?? -Infinity) < TRY_AGAIN_MS) continue;
        const bytes = await ask(client.getBuffer(`${prefix}:event:${id}`));
        if (bytes === null) {
          failed.delete(id);
          continue;
        }
        const { meta, body } = decodeEvent(bytes);
        await match(meta, body);
      }
      if (ids.length < BATCH) return;
      from = `(${ids.at(-1)}`;
    }
  }

  function sweepInTurn(which: Swept): Promise<void> {
    const before = sweeping ?? Promise.resolve();
    const present = before.catch(() => {}).then(() => sweep(which));
    sweeping = present;
    return present;
  }

  return {
    set(newRouter) {
      router = newRouter;
      // What fails here is Redis: the events are found again when they count as left behind.
      sweepInTurn("all").catch((error: unknown) => {
        log.debug("routing.delayed", { error: messageOf(error) });
      });
    },

    async routesNow(meta, body) {
      if (router === null || inLine > 0) return null;
      try {
        const routes = router(meta, () => Promise.resolve(body));
        return routes instanceof Promise ? await atOnce(routes) : routes;
      } catch (error) {
        fail(meta.id, error);
        return null;
      }
    },

    matchLater(meta, body) {
      if (router === null || failed.has(meta.id)) return;
      inLine += 1;
      line = line
        .then(() => matchSurely(meta, body))
        .finally(() => {
          inLine -= 1;
        });
    },

    sweep: () => sweepInTurn("left-behind"),

    async close() {
      closing.abort();
      await line;
      await sweeping?.catch(() => {});
    },
  };
}

/** The value of a promise that needs no more than this turn of the event loop; null if it needs longer. */
async function atOnce(routes: Promise<Routes>): Promise<Routes | null> {
  let immediate: NodeJS.Immediate | undefined;
  const late = new Promise<null>((resolve) => {
    immediate = setImmediate(() => resolve(null));
  });
  try {
    return await Promise.race([routes, late]);
  } finally {
    clearImmediate(immediate);
    // Where it fails later, it is asked again: matchLater() tells of it.
    routes.catch(() => {});
  }
}
