/**
 * What a handler of a `type: module` target is written against: `import type { HandleEvent } from "gitlab-hook-relay/handler"`.
 * Types alone, so that a handler needs nothing of the relay at run time.
 */
import type { GitLabEvent } from "./gitlab-events.ts";
import type { GitlabClient } from "./gitlab-client.ts";

export type * from "./gitlab-events.ts";
export type { GitlabClient, GitlabAnswer } from "./gitlab-client.ts";

/**
 * Handles one event. Resolved: done, and a returned text is shown with the attempt. Thrown: tried again by the target's schedule,
 * unless it is a ctx.Drop. An event may come more than once: after a crash, or when its time was up.
 */
export type HandleEvent = (event: GitLabEvent, ctx: HandlerContext) => Promise<string | void> | string | void;

export interface HandlerContext {
  /** From 1. */
  readonly attempt: number;
  /** 0, then 1, 2 ... for each replay. */
  readonly replay: number;
  /** The target's `options`. */
  readonly options: Readonly<Record<string, string>>;
  /** Aborts when the attempt's time is up. What goes on after that goes on beside the next attempt. */
  readonly signal: AbortSignal;
  /** Lines of the relay's log, with the event's ids. */
  readonly log: HandlerLog;
  /** `throw new ctx.Drop("why")`: no further attempt, the event goes to the dead letters with this reason. */
  readonly Drop: new (reason: string) => Error;
  /** Ends the attempt; the next one comes not before that many seconds have passed (and at most the target's capSeconds). */
  retryAfter(seconds: number, reason?: string): never;
  /** Runs `task` and records its name, duration and error in the event's timeline. */
  step<T>(name: string, task: () => Promise<T> | T): Promise<T>;
  /** GitLab's REST API, where the target has `gitlab`; using it elsewhere throws. */
  readonly gitlab: GitlabClient;
}

export interface HandlerLog {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}
