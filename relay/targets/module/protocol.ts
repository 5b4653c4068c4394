/** What the relay and the thread of a module target say to each other. All of it survives structured cloning. */
import type { LogLevel } from "../../../lib/log.ts";
import type { Attempt } from "../../queue/delivery-state.ts";
import type { EventMeta } from "../../event/event.ts";

/** What the thread is started with. */
export interface ThreadData {
  /** file: URL of the handler. */
  readonly handlerUrl: string;
  readonly options: Readonly<Record<string, string>>;
  readonly gitlab: { readonly url: string; readonly tokens: readonly string[] } | null;
}

export type ToThread =
  | {
      readonly type: "handle";
      readonly call: number;
      readonly meta: EventMeta;
      readonly body: Uint8Array;
      readonly attempt: number;
      readonly replay: number;
    }
  /** The attempt's time is up; answered with `alive`. */
  | { readonly type: "abort"; readonly call: number };

export type FromThread =
  | { readonly type: "ready" }
  | { readonly type: "unusable"; readonly error: string }
  | { readonly type: "alive"; readonly call: number }
  | {
      readonly type: "log";
      readonly call: number;
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | {
      readonly type: "ended";
      readonly call: number;
      readonly verdict: "done" | "retry" | "dead";
      readonly error: string | null;
      readonly excerpt: string | null;
      readonly retryAfterSeconds: number | null;
      readonly steps: NonNullable<Attempt["steps"]>;
    };
