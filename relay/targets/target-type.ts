/**
 * What a type of target is: one folder below targets/ whose index.ts exports one of these, listed in registry.ts. No other file
 * knows the types; settings, workers, lists and documents get everything from here.
 */
import type { z } from "zod";
import type { Clock } from "../../lib/clock.ts";
import type { Problem } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import type { Sending, Target } from "../delivery/port.ts";
import type { ConnectionDeps } from "./connection/connection.ts";

export interface TargetDeps extends ConnectionDeps {
  readonly clock: Clock;
  /** Lines carry the target's name. */
  readonly log: Log;
  /** The `traceparent` of an attempt; null: what came with the event. @default always null */
  readonly traceparent?: (sending: Pick<Sending, "meta" | "replay" | "attempt">) => string | null;
}

/** What a target would send for an event, fit to be shown: no secret of the settings is in it. */
export interface TargetRequest {
  /** Such as `POST https://bot.internal/gitlab`. */
  readonly to: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface TargetType<Name extends string = string, Schema extends z.ZodType = z.ZodType> {
  /** The word after `type:`. */
  readonly name: Name;
  /** Everything that may be set, `type` included. */
  readonly schema: Schema;
  /** One entry of `targets` as YAML, as docs/targets.md shows it. */
  readonly example: string;
  /** Where it delivers to, fit to be shown: no user info, no query. Null if it has no address. */
  address(settings: z.output<Schema>): string | null;
  /**
   * Files that are read when the target is made, or when it is at work: path below the target's settings -> path of the file. They
   * are asked before whether they answer. @default none
   */
  files?(settings: z.output<Schema>): Readonly<Record<string, string>>;
  /**
   * What only shows once the target works, such as a handler that cannot be loaded: paths below the target's settings. Asked before
   * settings are put in force. @default nothing
   */
  check?(settings: z.output<Schema>, deps: TargetDeps): Promise<readonly Problem[]>;
  /**
   * What the first attempt would send. Throws an Error that names the place if the event lacks what a template asks for.
   * @default it sends nothing that can be shown
   */
  preview?(settings: z.output<Schema>, event: Pick<Sending, "meta" | "body">): TargetRequest;
  /** Throws a ConfigError, with paths below the target's settings, if it cannot work as it is configured. */
  create(settings: z.output<Schema>, deps: TargetDeps): Target;
}
