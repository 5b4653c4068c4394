/**
 * Sends scripts to Redis: what is asked for in one turn of the event loop goes out in one write, and nothing waits for what was
 * sent before. A script that Redis does not know (it was restarted, or its scripts flushed) is sent in full.
 */
import type { Redis } from "ioredis";
import { isMissingScript, translateRedisError } from "./failure.ts";
import { SCRIPTS, type ScriptName } from "./scripts.ts";

export type ScriptArgs = readonly (string | number | Uint8Array)[];

export interface ScriptCall {
  readonly script: ScriptName;
  readonly args: ScriptArgs;
}

/** What became of calls that were sent together, in their order, and how many servers had synced their writes in time. */
export interface Synced {
  readonly results: readonly PromiseSettledResult<unknown>[];
  /** 1 where the server itself had. */
  readonly local: number;
  readonly replicas: number;
}

interface Waiting extends ScriptCall {
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type Reply = readonly [error: Error | null, reply?: unknown];

/** What stands for a reply that did not come, as the connection was lost before anything was sent. */
const UNSENT: Reply = [new Error("Connection is closed.")];

const bytesOf = (value: string | number | Uint8Array): string | number | Buffer =>
  value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value;

/** Sends the calls, and `last` behind them, in one write. Never rejects: each reply has its own error. */
async function send(
  client: Redis,
  prefix: string,
  calls: readonly ScriptCall[],
  inFull: boolean,
  last: readonly (string | number)[] = [],
): Promise<Reply[]> {
  const pipeline = client.pipeline();
  for (const { script, args } of calls) {
    const { sha, lua } = SCRIPTS[script];
    const values = args.map(bytesOf);
    if (inFull) pipeline.callBuffer("eval", lua, 1, prefix, ...values);
    else pipeline.callBuffer("evalsha", sha, 1, prefix, ...values);
  }
  const [command, ...args] = last;
  if (command !== undefined) pipeline.call(String(command), ...args);
  const count = calls.length + (command === undefined ? 0 : 1);
  try {
    const replies = (await pipeline.exec()) ?? [];
    return Array.from({ length: count }, (_, i) => replies[i] ?? UNSENT);
  } catch (error) {
    return Array.from({ length: count }, () => [error as Error]);
  }
}

export function createSender(client: Redis, prefix: string) {
  let waiting: Waiting[] = [];

  async function sendAll(batch: readonly Waiting[], inFull: boolean): Promise<void> {
    const replies = await send(client, prefix, batch, inFull);
    const missing: Waiting[] = [];
    batch.forEach((call, i) => {
      const [error, reply] = replies[i] ?? UNSENT;
      if (error === null) call.resolve(reply);
      else if (!inFull && isMissingScript(error)) missing.push(call);
      else call.reject(translateRedisError(error));
    });
    if (missing.length > 0) await sendAll(missing, true);
  }

  function flush(): void {
    const batch = waiting;
    waiting = [];
    void sendAll(batch, false);
  }

  return {
    /** Runs a script; answers are bytes where Redis answers text. Rejects with an UpstreamError. */
    run(script: ScriptName, args: ScriptArgs): Promise<unknown> {
      return new Promise((resolve, reject) => {
        if (waiting.length === 0) setImmediate(flush);
        waiting.push({ script, args, resolve, reject });
      });
    },
  };
}

/**
 * Sends these calls with the wait for their sync (WAITAOF) behind them, all at once on a connection that nobody else waits on.
 * Scripts go in full: one that was missing would be repeated behind the wait, and not be covered by it.
 * Rejects with an UpstreamError where the wait was refused or cut off.
 */
export async function sendSynced(
  client: Redis,
  prefix: string,
  calls: readonly ScriptCall[],
  replicas: number,
  timeoutMs: number,
): Promise<Synced> {
  const replies = await send(client, prefix, calls, true, ["WAITAOF", 1, replicas, timeoutMs]);
  const [error, counts] = replies[calls.length] ?? UNSENT;
  if (error !== null) throw translateRedisError(error);
  const [local = 0, synced = 0] = counts as readonly number[];
  const results = calls.map((_, i): PromiseSettledResult<unknown> => {
    const [failed, value] = replies[i] ?? UNSENT;
    return failed === null
      ? { status: "fulfilled", value }
      : { status: "rejected", reason: translateRedisError(failed) };
  });
  return { results, local, replicas: synced };
}
