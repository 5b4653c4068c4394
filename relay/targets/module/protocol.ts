/** What the relay and the thread of a module target say to each other. All of it survives structured cloning. */
import { z } from "zod";
import type { EventMeta } from "../../event/event.ts";

/** Characters of what is kept with an attempt; more is cut. */
const shortText = z.string().transform((all) => all.slice(0, 1000));

/** What the thread is started with. */
export interface ThreadData {
  /** file: URL of the handler. */
  readonly handlerUrl: string;
  readonly options: Readonly<Record<string, string>>;
  readonly gitlab: { readonly url: string; readonly tokens: readonly string[] } | null;
}

export type ToThread =
  /** Comes first. */
  | { readonly type: "start"; readonly data: ThreadData }
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

const call = z.number().int();
const text = z.string();

/** What the relay takes from a handler's thread. Its code can say anything: whatever else it says costs the thread. */
export const fromThread = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ready") }),
  z.object({ type: z.literal("unusable"), error: text }),
  z.object({ type: z.literal("crashed"), error: text }),
  z.object({ type: z.literal("alive"), call }),
  z.object({
    type: z.literal("log"),
    call,
    level: z.enum(["debug", "info", "warn", "error"]),
    message: text,
    fields: z.record(z.string(), z.unknown()),
  }),
  z.object({
    type: z.literal("ended"),
    call,
    verdict: z.enum(["done", "retry", "dead"]),
    error: shortText.nullable(),
    excerpt: shortText.nullable(),
    retryAfterSeconds: z.number().nonnegative().nullable(),
    steps: z
      .array(z.object({ name: shortText, durationMs: z.number().nonnegative(), error: shortText.nullable() }))
      .max(1000),
  }),
]);

export type FromThread = z.output<typeof fromThread>;
