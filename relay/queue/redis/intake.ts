/**
 * Stores events durably in Redis: one script per event, pipelined by the client with whatever else is under way.
 *
 * With `appendfsync always` Redis answers after its sync, and that answer is enough. Otherwise each batch is followed by WAITAOF
 * on the same connection: events that arrive while one waits share the next, as a journal's group commit does.
 */
import { UpstreamError } from "../../../lib/errors.ts";
import { COMMAND_TIMEOUT_MS, type RedisConnection } from "./connection.ts";

export type EnqueueArgs = readonly (string | number | Uint8Array)[];

interface Waiting {
  readonly args: EnqueueArgs;
  readonly resolve: (known: string | null) => void;
  readonly reject: (error: unknown) => void;
}

/** How the sync is waited for: null where Redis itself answers after it. */
export interface SyncRule {
  readonly replicas: number;
}

export function createIntake(
  redis: RedisConnection,
  rule: () => SyncRule | null,
  onSync: (durationMs: number) => void,
) {
  let waiting: Waiting[] = [];
  let flushing = false;

  async function store(args: EnqueueArgs): Promise<string | null> {
    const known = (await redis.run("relayEnqueue", args)) as Buffer | null;
    return known === null ? null : known.toString("latin1");
  }

  async function waitForSync(replicas: number): Promise<void> {
    // The reply is [local, replicas]: how many have synced what this connection wrote.
    const timeout = COMMAND_TIMEOUT_MS - 500;
    const reply = (await redis.ask(redis.client.call("WAITAOF", "1", String(replicas), String(timeout)))) as [
      number,
      number,
    ];
    if (reply[0] < 1 || reply[1] < replicas) {
      throw new UpstreamError("storage", `Redis did not sync the event within ${timeout} ms`, {
        retryable: true,
      });
    }
  }

  async function flush(): Promise<void> {
    flushing = true;
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      const started = performance.now();
      const stored = Promise.allSettled(batch.map(({ args }) => store(args)));
      const { replicas } = rule() ?? { replicas: 0 };
      const synced = await stored.then(async (results) => {
        try {
          await waitForSync(replicas);
          onSync(performance.now() - started);
          return { results, failure: null };
        } catch (error) {
          return { results, failure: error };
        }
      });
      synced.results.forEach((result, index) => {
        const { resolve, reject } = batch[index]!;
        if (result.status === "rejected") reject(result.reason);
        else if (synced.failure !== null) reject(synced.failure);
        else resolve(result.value);
      });
    }
    flushing = false;
  }

  return {
    /** Resolves once the event is on stable storage: null, or the id of the event that it repeats. */
    commit(args: EnqueueArgs): Promise<string | null> {
      if (rule() === null) {
        const started = performance.now();
        return store(args).then((known) => {
          onSync(performance.now() - started);
          return known;
        });
      }
      return new Promise((resolve, reject) => {
        waiting.push({ args, resolve, reject });
        if (!flushing) void flush();
      });
    },
  };
}
