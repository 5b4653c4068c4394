/**
 * Runs a handler for one event: what it is given, and what its end means. Returned: done; thrown: tried again; a Drop: dead; where
 * the handler or GitLab says when to come back, not before that.
 */
import { eventRow } from "../../../lib/events.ts";
import { messageOf, UpstreamError } from "../../../lib/errors.ts";
import { EXCERPT_LENGTH } from "../../delivery/port.ts";
import type { EventMeta } from "../../event/event.ts";
import { parsedBody } from "../../event/parsed-body.ts";
import { viewOf } from "../../event/view.ts";
import type { ClientOf, GitlabClient } from "./gitlab-client.ts";
import type { GitLabEvent, HandleEvent, HandlerContext, HandlerLog } from "./handler.ts";
import { gitlabHeaders } from "../http/headers.ts";
import type { FromThread, ThreadData, ToThread } from "./protocol.ts";

const LONGEST_ERROR = 300;

class Drop extends Error {
  override readonly name = "Drop";
}

class RetryAfter extends Error {
  override readonly name = "RetryAfter";
  readonly seconds: number;
  constructor(seconds: number, reason: string) {
    super(reason);
    this.seconds = seconds;
  }
}

export type Call = Extract<ToThread, { type: "handle" }>;
type Steps = Extract<FromThread, { type: "ended" }>["steps"][number][];

export interface RunDeps {
  readonly data: ThreadData;
  readonly say: (message: FromThread) => void;
  /** Null: the target's settings name no GitLab. */
  readonly gitlab: ClientOf | null;
}

function eventOf(meta: EventMeta, payload: unknown): GitLabEvent {
  return {
    kind: eventRow(meta)?.kind ?? "unknown",
    ...viewOf(meta),
    headers: gitlabHeaders(meta),
    payload,
  } as GitLabEvent;
}

function contextOf(call: Call, signal: AbortSignal, steps: Steps, deps: RunDeps): HandlerContext {
  const { data, say } = deps;
  const write =
    (level: keyof HandlerLog): HandlerLog[typeof level] =>
    (message, fields = {}) =>
      say({ type: "log", call: call.call, level, message, fields: plain(fields) });
  return {
    attempt: call.attempt,
    replay: call.replay,
    options: data.options,
    signal,
    log: { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") },
    Drop,
    retryAfter(seconds, reason = `asked for ${seconds} s`) {
      throw new RetryAfter(seconds, reason);
    },
    async step(name, task) {
      const started = performance.now();
      const record = (error: string | null): void => {
        steps.push({ name, durationMs: Math.round(performance.now() - started), error });
      };
      try {
        const value = await task();
        record(null);
        return value;
      } catch (error) {
        record(messageOf(error).slice(0, LONGEST_ERROR));
        throw error;
      }
    },
    get gitlab(): GitlabClient {
      if (deps.gitlab === null) throw new TypeError("ctx.gitlab needs `gitlab` in the target's settings");
      const eventUuid = call.meta.headers.find(([name]) => name === "x-gitlab-event-uuid")?.[1] ?? null;
      return deps.gitlab({ eventUuid, signal });
    },
  };
}

/** Fields of a log line must be data. */
function plain(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return JSON.parse(JSON.stringify(fields)) as Record<string, unknown>;
}

/** Never rejects; says `ended` once, whatever the handler does. */
export async function runHandler(
  handle: HandleEvent,
  call: Call,
  signal: AbortSignal,
  deps: RunDeps,
): Promise<void> {
  const steps: Steps = [];
  const end = (
    verdict: "done" | "retry" | "dead",
    error: string | null,
    rest: { excerpt?: string | null; retryAfterSeconds?: number | null } = {},
  ): void => {
    const { excerpt = null, retryAfterSeconds = null } = rest;
    deps.say({ type: "ended", call: call.call, verdict, error, excerpt, retryAfterSeconds, steps });
  };
  try {
    const payload = parsedBody(call.body);
    const answer = await handle(eventOf(call.meta, payload), contextOf(call, signal, steps, deps));
    end("done", null, { excerpt: typeof answer === "string" ? answer.slice(0, EXCERPT_LENGTH) : null });
  } catch (error) {
    const message = messageOf(error).slice(0, LONGEST_ERROR);
    if (error instanceof Drop) end("dead", `dropped: ${message}`);
    else if (error instanceof RetryAfter) end("retry", message, { retryAfterSeconds: error.seconds });
    else if (error instanceof UpstreamError && error.retryAfterMs !== null)
      end("retry", message, { retryAfterSeconds: error.retryAfterMs / 1000 });
    else end("retry", message);
  }
}
