/**
 * The target that is code of the operator's own: a module whose `handle(event, ctx)` runs in a thread, so that a handler that
 * blocks, crashes or eats memory costs its own events their attempts and nothing else.
 *
 * When an attempt's time is up its slot is free at once. A thread that does not even answer to that is blocked: it is ended and
 * another one takes its place; so it is when the thread dies. What it had under way is tried again by the target's schedule.
 *
 * When a file in the handler's folder changes, a new thread loads the handler. The old one ends what it has under way. A handler
 * that cannot be loaded is reported, and the last good one stays.
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { cut } from "../../../lib/cut.ts";
import type { Clock, Timer } from "../../../lib/clock.ts";
import type { Log } from "../../../lib/log.ts";
import { resultOfFailure } from "../../delivery/outcome.ts";
import { fromThread, type FromThread, type ThreadData } from "./protocol.ts";
import type { AttemptResult, Sending, Target } from "../../delivery/port.ts";
import type { ModuleTargetSettings } from "./settings.ts";
import type { StartThread, Thread, WatchFolder } from "./thread.ts";

/** A thread that has not answered for so long is blocked, in milliseconds. */
const BLOCKED_MS = 2_000;
/** A handler that cannot be loaded is tried again with the next event after this time, in milliseconds. */
const RELOAD_MS = 5_000;
/** For so long a changed folder must rest before it is read, in milliseconds. */
const REST_MS = 200;
/** Characters of a line that a handler prints. */
const LONGEST_LINE = 4096;

export interface ModuleTargetDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly startThread: StartThread;
  readonly watchFolder: WatchFolder;
}

interface Call {
  readonly sending: Sending;
  readonly resolve: (result: AttemptResult) => void;
  readonly reject: (error: Error) => void;
  readonly onAbort: () => void;
}

/** A thread and what it has under way. */
interface Host {
  readonly thread: Thread;
  state: "loading" | "ready" | "gone";
  /** Sent as soon as it is ready. */
  readonly queued: number[];
  readonly calls: Map<number, Call>;
  /** Calls that were aborted and not answered yet. */
  readonly unanswered: Map<number, Timer>;
}

export function createModuleTarget(config: ModuleTargetSettings, deps: ModuleTargetDeps): Target {
  const { clock, log } = deps;
  const file = resolve(config.handler);
  let lastCall = 0;
  let current: Host | null = null;
  /** A thread that loads a changed handler, to take the place of the current one. */
  let candidate: Host | null = null;
  let unusable: { readonly error: string; readonly until: number } | null = null;
  let rest: Timer | null = null;
  let closed = false;
  const hosts = new Set<Host>();

  function start(): Host {
    const handlerUrl = pathToFileURL(file).href;
    const { options } = config;
    const data: ThreadData = { handlerUrl, options, gitlab: config.gitlab ?? null };
    const thread = deps.startThread(data, config.memoryMb, {
      message: (message) => hearAnything(host, message),
      output: printed((line) => log.info("handler.output", { line })),
      gone: (error) => lose(host, error === null ? "it ended" : error.message),
    });
    const host: Host = {
      thread,
      state: "loading",
      queued: [],
      calls: new Map(),
      unanswered: new Map(),
    };
    hosts.add(host);
    return host;
  }

  function hearAnything(host: Host, message: unknown): void {
    if (host.state === "gone") return;
    const heard = fromThread.safeParse(message);
    if (heard.success) hear(host, heard.data);
    else lose(host, "it said what no handler's thread says");
  }

  function hear(host: Host, message: FromThread): void {
    switch (message.type) {
      case "ready":
        becomeReady(host);
        return;
      case "unusable":
        log.error("handler.unusable", { handler: config.handler, error: message.error });
        if (host === current) unusable = { error: message.error, until: clock.monotonic() + RELOAD_MS };
        lose(host, `it cannot be loaded: ${message.error}`);
        return;
      case "crashed":
        lose(host, message.error);
        return;
      case "alive":
        host.unanswered.get(message.call)?.cancel();
        host.unanswered.delete(message.call);
        return;
      case "log": {
        const sending = host.calls.get(message.call)?.sending;
        const ids = { eventId: sending?.meta.id, attempt: sending?.attempt };
        log[message.level]("handler.log", { ...message.fields, ...ids, message: message.message });
        return;
      }
      case "ended": {
        const { verdict, error, excerpt, retryAfterSeconds, steps } = message;
        const extra = steps.length === 0 ? {} : { steps };
        take(host, message.call)?.resolve({
          verdict,
          status: null,
          error,
          excerpt,
          retryAfterSeconds,
          ...extra,
        });
        retireIfIdle(host);
        return;
      }
      default:
        message satisfies never;
    }
  }

  function becomeReady(host: Host): void {
    host.state = "ready";
    unusable = null;
    if (host === candidate) {
      const old = current;
      current = host;
      candidate = null;
      log.info("handler.reloaded", { handler: config.handler });
      if (old !== null) retireIfIdle(old);
    }
    for (const call of host.queued.splice(0)) post(host, call);
  }

  /** Removes a call that has ended; null where it has before. */
  function take(host: Host, id: number): Call | null {
    const call = host.calls.get(id);
    if (call === undefined) return null;
    host.calls.delete(id);
    call.sending.signal.removeEventListener("abort", call.onAbort);
    return call;
  }

  function retireIfIdle(host: Host): void {
    if (host !== current && host !== candidate && host.calls.size === 0) end(host);
  }

  function end(host: Host): void {
    host.state = "gone";
    hosts.delete(host);
    for (const timer of host.unanswered.values()) timer.cancel();
    void host.thread.terminate();
  }

  /** The thread is of no use any more; what it had under way has failed. */
  function lose(host: Host, why: string): void {
    if (host.state === "gone") return;
    end(host);
    if (host === current) current = null;
    if (host === candidate) candidate = null;
    if (host.calls.size > 0) {
      log.warn("handler.thread-exited", { handler: config.handler, reason: why, underWay: host.calls.size });
    }
    for (const id of host.calls.keys()) {
      take(host, id)?.resolve(resultOfFailure(`the handler's thread is gone: ${why}`));
    }
  }

  function post(host: Host, id: number): void {
    const call = host.calls.get(id);
    if (call === undefined) return;
    const { meta, body, attempt, replay } = call.sending;
    host.thread.send({ type: "handle", call: id, meta, body, attempt, replay });
  }

  function abort(host: Host, id: number): void {
    const call = take(host, id);
    if (call === null) return;
    call.reject(call.sending.signal.reason as Error);
    if (host.state !== "ready") return;
    host.thread.send({ type: "abort", call: id });
    host.unanswered.set(
      id,
      clock.after(BLOCKED_MS, () => lose(host, "it was blocked")),
    );
    retireIfIdle(host);
  }

  function reload(): void {
    if (closed || current === null || current.state === "loading") return;
    if (candidate !== null) end(candidate);
    candidate = start();
  }

  const watcher = deps.watchFolder(file, () => {
    rest?.cancel();
    unusable = null;
    rest = clock.after(REST_MS, reload);
  });

  return {
    send(sending) {
      const { signal } = sending;
      if (signal.aborted) return Promise.reject(signal.reason as Error);
      if (unusable !== null && clock.monotonic() < unusable.until && current === null) {
        return Promise.resolve(resultOfFailure(`the handler cannot be loaded: ${unusable.error}`));
      }
      current ??= start();
      const host = current;
      const id = ++lastCall;
      return new Promise((resolveCall, reject) => {
        const onAbort = (): void => abort(host, id);
        host.calls.set(id, { sending, resolve: resolveCall, reject, onAbort });
        signal.addEventListener("abort", onAbort, { once: true });
        if (host.state === "ready") post(host, id);
        else host.queued.push(id);
      });
    },
    async close() {
      closed = true;
      rest?.cancel();
      watcher?.close();
      const ending = [...hosts].map(async (host) => {
        end(host);
        await host.thread.terminate();
      });
      await Promise.all(ending);
    },
  };
}

/** Whole lines of what a handler prints, each at most so long; a line that does not end is told in pieces. */
function printed(tell: (line: string) => void): (text: string) => void {
  let begun = "";
  return (text) => {
    const lines = `${begun}${text}`.split("\n");
    const last = lines.pop() ?? "";
    begun = last.length > LONGEST_LINE ? "" : last;
    if (begun === "") lines.push(last);
    for (const line of lines) if (line.trim() !== "") tell(cut(line, LONGEST_LINE));
  };
}
