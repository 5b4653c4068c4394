/**
 * Tells workers that a target may have something to claim: at once if this relay knows it, by Redis' messages if another
 * one does, when something falls due, and now and then in any case, as messages can get lost.
 */
import type { Clock, Timer } from "../../../lib/clock.ts";
import { messageOf } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import { Emitter } from "../../queue/emitter.ts";
import type { RedisConnection } from "./connection.ts";

/** Longest time for which a due time is watched without asking again, in milliseconds: another relay may have changed it. */
const WATCH_MS = 60_000;

export interface Work {
  on(listener: (target: string) => void): () => void;
  announce(target: string): void;
  /** Announces the target at that wall clock time, or earlier where it was told an earlier one. */
  watchDue(target: string, dueAt: number): void;
  stop(): void;
}

export function createWork(redis: RedisConnection, clock: Clock, log: Log): Work {
  const { subscriber, prefix } = redis;
  const listeners = new Emitter<string>(log);
  const watched = new Map<string, { readonly at: number; readonly timer: Timer }>();
  let stopped = false;

  const announce = (target: string): void => {
    if (!stopped) listeners.emit(target);
  };
  const listen = (): void => {
    subscriber.subscribe(`${prefix}:work`).catch((error: unknown) => {
      log.debug("redis.subscribe-failed", { error: messageOf(error) });
    });
  };
  subscriber.on("message", (_channel: string, target: string) => announce(target));
  subscriber.on("ready", listen);
  if (subscriber.status === "ready") listen();

  return {
    on: (listener) => listeners.on(listener),
    announce,
    watchDue(target, dueAt) {
      const present = watched.get(target);
      if (stopped || (present !== undefined && present.at <= dueAt)) return;
      present?.timer.cancel();
      const timer = clock.after(Math.min(Math.max(dueAt - clock.now(), 0), WATCH_MS), () => {
        watched.delete(target);
        announce(target);
      });
      watched.set(target, { at: dueAt, timer });
    },
    stop() {
      stopped = true;
      for (const { timer } of watched.values()) timer.cancel();
    },
  };
}
