/**
 * Durable writes: a script call whose answer means that it is on stable storage.
 *
 * With `appendfsync always` Redis answers after its sync, and that answer is enough. Otherwise each batch is followed by WAITAOF:
 * what comes while one waits shares the next, as a journal's group commit does.
 */
import type { Clock } from "../../../lib/clock.ts";
import { UpstreamError } from "../../../lib/errors.ts";
import { COMMAND_TIMEOUT_MS } from "./options.ts";
import type { RedisConnection } from "./connection.ts";
import type { ScriptName } from "./scripts.ts";
import type { ScriptArgs, ScriptCall, Staged } from "./sender.ts";

/** Milliseconds after which Redis itself ends the wait: it says so before the client gives up on it. */
const WAIT_MS = COMMAND_TIMEOUT_MS - 500;

/** How the sync is waited for: null if Redis itself answers after it. */
export interface SyncRule {
  readonly replicas: number;
}

interface Waiting extends ScriptCall {
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export interface IntakeDeps {
  readonly redis: Pick<RedisConnection, "run" | "runSynced">;
  readonly clock: Clock;
  readonly rule: () => Promise<SyncRule | null>;
  /** Told the duration of each durable write in milliseconds. */
  readonly onSync: (durationMs: number) => void;
}

export interface RedisIntake {
  /**
   * Resolves with the script's answer once what it wrote is on stable storage. Rejects with an UpstreamError; it may have been
   * written nevertheless.
   */
  commit(script: ScriptName, args: ScriptArgs, staged?: Staged): Promise<unknown>;
}

export function createIntake({ redis, clock, rule, onSync }: IntakeDeps): RedisIntake {
  let waiting: Waiting[] = [];
  let flushing = false;

  async function sync(batch: readonly Waiting[], { replicas: wanted }: SyncRule): Promise<void> {
    const started = clock.monotonic();
    try {
      const { results, local, replicas } = await redis.runSynced(batch, {
        replicas: wanted,
        timeoutMs: WAIT_MS,
      });
      const late =
        local < 1 || replicas < wanted
          ? new UpstreamError("storage", `Redis did not sync the event within ${WAIT_MS} ms`, {
              retryable: true,
            })
          : null;
      if (late === null) onSync(clock.monotonic() - started);
      results.forEach((result, i) => {
        const { resolve, reject } = batch[i]!;
        if (result.status === "rejected") reject(result.reason);
        else if (late !== null) reject(late);
        else resolve(result.value);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  async function flush(present: SyncRule): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      await sync(batch, present);
    }
    flushing = false;
  }

  return {
    async commit(script, args, staged) {
      const present = await rule();
      if (present !== null) {
        return new Promise((resolve, reject) => {
          waiting.push({ script, args, resolve, reject, ...(staged === undefined ? {} : { staged }) });
          if (flushing) return;
          flushing = true;
          // What came in the same turn of the event loop goes along.
          setImmediate(() => void flush(present));
        });
      }
      const started = clock.monotonic();
      const reply = await redis.run(script, args, staged);
      onSync(clock.monotonic() - started);
      return reply;
    },
  };
}
