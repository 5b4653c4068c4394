/**
 * Sends scripts to Redis: what is asked for in one turn of the event loop goes out in one write, and nothing waits for what was
 * sent before. A script that Redis does not know (it was restarted, or its scripts flushed) is sent in full.
 *
 * The client's own pipelines are not used for this: they would hold back every answer until the last.
 */
import type { Redis } from "ioredis";
import { isMissingScript, translateRedisError } from "./failure.ts";
import { SCRIPTS, type ScriptName } from "./scripts.ts";
import { CallBuffers, encodeCall, type Word } from "./wire.ts";

export type ScriptArgs = readonly Word[];

/**
 * A value that is too big for a script's arguments, which Lua copies and hashes: stored right before the script, for STAGED_MS alone. The
 * script makes it last, or drops it; where the script never came, Redis forgets it by itself.
 */
export interface Staged {
  readonly key: string;
  readonly value: Word;
}

export interface ScriptCall {
  readonly script: ScriptName;
  readonly args: ScriptArgs;
  readonly staged?: Staged;
}

/** What became of calls that were sent together, in their order, and how many servers had synced their writes in time. */
export interface Synced {
  readonly results: readonly PromiseSettledResult<unknown>[];
  /** 1 if the server itself had. */
  readonly local: number;
  readonly replicas: number;
}

const STAGED_MS = 60_000;

interface Waiting extends ScriptCall {
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type Value = string | number | Buffer;

/** As the client takes it. */
function valueOf(word: Word): Value {
  if (typeof word !== "object") return word;
  if (!(word instanceof Uint8Array)) return Buffer.concat(word);
  return Buffer.from(word.buffer, word.byteOffset, word.byteLength);
}

function staging({ key, value }: Staged): [string, ...Value[]] {
  return ["set", key, valueOf(value), "PX", STAGED_MS];
}

/** Words behind the name, up to the last key. */
const LEADING = 3;

/** By its hash, which Redis may not know. */
function running({ script, args }: ScriptCall, prefix: string): [string, ...Word[]] {
  return ["evalsha", SCRIPTS[script].sha, "1", prefix, ...args];
}

function runningInFull({ script, args }: ScriptCall, prefix: string): [string, ...Word[]] {
  return ["eval", SCRIPTS[script].lua, "1", prefix, ...args];
}

export function createScriptRunner(client: Redis, prefix: string) {
  const buffers = new CallBuffers();
  let waiting: Waiting[] = [];

  async function send(words: readonly Word[]): Promise<unknown> {
    const { command, buffer } = encodeCall(words, LEADING, buffers);
    const answer: unknown = await client.sendCommand(command);
    buffers.giveBack(buffer);
    return answer;
  }

  async function sendOne(call: Waiting): Promise<void> {
    // What was staged is still there when the script comes again in full.
    const staged = call.staged === undefined ? null : client.callBuffer(...staging(call.staged));
    const answer = send(running(call, prefix));
    try {
      call.resolve((await Promise.all([answer, staged]))[0]);
    } catch (error) {
      if (!isMissingScript(error)) call.reject(translateRedisError(error));
      else
        send(runningInFull(call, prefix)).then(call.resolve, (failure: unknown) => {
          call.reject(translateRedisError(failure));
        });
    }
  }

  function flush(): void {
    const batch = waiting;
    waiting = [];
    // A cluster has a stream for each of its nodes.
    const stream = "stream" in client ? client.stream : null;
    stream?.cork();
    for (const call of batch) void sendOne(call);
    stream?.uncork();
  }

  return {
    /** Runs a script; answers are bytes where Redis answers text. Rejects with an UpstreamError. */
    run(script: ScriptName, args: ScriptArgs, staged?: Staged): Promise<unknown> {
      return new Promise((resolve, reject) => {
        if (waiting.length === 0) setImmediate(flush);
        waiting.push({ script, args, resolve, reject, ...(staged === undefined ? {} : { staged }) });
      });
    },
  };
}

export interface SyncWanted {
  /** Replicas that must have synced, too. */
  readonly replicas: number;
  readonly timeoutMs: number;
}

/**
 * Sends these calls with the wait for their sync (WAITAOF) behind them, all at once on a connection of their own. Those
 * whose script Redis does not know are sent again in full, with a wait of their own behind them.
 * Rejects with an UpstreamError if the wait was refused or cut off.
 */
export async function sendSynced(
  client: Redis,
  prefix: string,
  calls: readonly ScriptCall[],
  wanted: SyncWanted,
): Promise<Synced> {
  const byHash = calls.map((call): Command => ({ words: running(call, prefix), staged: call.staged }));
  try {
    const sent = await sendTogether(client, byHash, wanted);
    const isMissing = (index: number): boolean => isMissingScript(sent.failures[index]);
    const missing = calls.filter((_, index) => isMissing(index));
    if (missing.length === 0) return settled(sent);
    // What was staged is still there.
    const inFull = missing.map((call): Command => ({
      words: runningInFull(call, prefix),
      staged: undefined,
    }));
    const again = await sendTogether(client, inFull, wanted);
    let next = 0;
    const places = calls.map((_, index) => (isMissing(index) ? next++ : null));
    return settled({
      values: places.map((place, index) => (place === null ? sent.values : again.values)[place ?? index]),
      failures: places.map(
        (place, index) => (place === null ? sent.failures : again.failures)[place ?? index],
      ),
      local: Math.min(sent.local, again.local),
      replicas: Math.min(sent.replicas, again.replicas),
    });
  } catch (error) {
    throw translateRedisError(error);
  }
}

interface Command {
  readonly words: [string, ...Word[]];
  readonly staged: Staged | undefined;
}

/** What Redis said to calls that were sent together: for each either a value or a failure that is not null. */
interface Replies {
  readonly values: readonly unknown[];
  readonly failures: readonly unknown[];
  readonly local: number;
  readonly replicas: number;
}

function settled({ values, failures, local, replicas }: Replies): Synced {
  const results = failures.map((failure, index): PromiseSettledResult<unknown> =>
    failure === null
      ? { status: "fulfilled", value: values[index] }
      : { status: "rejected", reason: translateRedisError(failure) },
  );
  return { results, local, replicas };
}

/** In a pipeline, so that in a cluster all of it goes to one node. Rejects if the wait failed. */
async function sendTogether(
  client: Redis,
  commands: readonly Command[],
  { replicas, timeoutMs }: SyncWanted,
): Promise<Replies> {
  const pipeline = client.pipeline();
  for (const { words, staged } of commands) {
    if (staged !== undefined) pipeline.callBuffer(...staging(staged));
    const [name, ...args] = words;
    pipeline.callBuffer(name, ...args.map(valueOf));
  }
  pipeline.call("WAITAOF", 1, replicas, timeoutMs);
  const replies = (await pipeline.exec()) ?? [];
  let at = 0;
  const next = (): readonly [Error | null, unknown] =>
    replies[at++] ?? [new Error("Connection is closed."), null];
  const values: unknown[] = [];
  const failures: (Error | null)[] = [];
  for (const { staged } of commands) {
    const [unstaged] = staged === undefined ? [null] : next();
    const [failed, value] = next();
    values.push(value);
    failures.push(unstaged ?? failed);
  }
  const [error, counts] = next();
  if (error !== null) throw error;
  const [local = 0, synced = 0] = counts as readonly number[];
  return { values, failures, local, replicas: synced };
}
