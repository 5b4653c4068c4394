/**
 * Events that come together are stored by one call of the script, whose writes share one sync of Redis. Two calls are under way at
 * most; what comes meanwhile waits for the next, as a journal's group commit does. With a call for each event, few would share a sync: Redis
 * reads a piece of a connection (16 to 64 KB), runs what is complete in it, and syncs before it reads on.
 *
 * Where the relay waits for the sync itself, which takes up to a second, calls do not wait for each other here: intake.ts sends all that
 * wait with one wait behind them.
 */
import { UpstreamError } from "../../../lib/errors.ts";
import type { ScriptArgs, Staged } from "./sender.ts";
import { lengthOf, type Word } from "./wire.ts";

/** Calls under way where Redis answers after its sync: while it syncs one, the next is on its way to it. */
const UNDER_WAY = 2;
/** Most events of one call: Redis does nothing else meanwhile. */
const MAX_EVENTS = 128;
/** Most bytes of one call, and of an event that goes along: a larger one is staged, and has a call of its own. */
const MAX_BYTES = 1_048_576;
const MAX_BYTES_ALONG = 65_536;

/** An event as the script takes it. */
export interface Arriving {
  readonly id: string;
  /** In parts. */
  readonly bytes: readonly Uint8Array[];
  /** Its arguments after the bytes. */
  readonly args: readonly string[];
}

export interface BatchesDeps {
  /** Key of an event's bytes. */
  readonly keyOf: (id: string) => string;
  /** Arguments of the script before those of the events, at the time of the call. */
  readonly leading: () => ScriptArgs;
  /** Calls the script; its answer is on stable storage. */
  readonly commit: (args: ScriptArgs, staged?: Staged) => Promise<unknown>;
  /** Whether calls that wait for a sync are sent together. */
  readonly sharesWaits: () => Promise<boolean>;
}

interface Waiting {
  readonly event: Arriving;
  /** Of its bytes. */
  readonly size: number;
  readonly resolve: (reply: Buffer | null) => void;
  readonly reject: (error: unknown) => void;
}

export interface Batches {
  /**
   * Resolves with the script's answer for this event once it is on stable storage. Rejects with an UpstreamError; it may have been
   * written nevertheless.
   */
  store(event: Arriving): Promise<Buffer | null>;
}

export function createBatches({ keyOf, leading, commit, sharesWaits }: BatchesDeps): Batches {
  let waiting: Waiting[] = [];
  let underWay = 0;
  let isPlanned = false;

  async function send(batch: readonly Waiting[]): Promise<void> {
    try {
      const answers = (await call(batch)) as (Buffer | Error | null)[];
      batch.forEach(({ resolve, reject }, index) => {
        const answer = answers[index] ?? null;
        if (answer instanceof Error)
          reject(new UpstreamError("storage", `Redis refused: ${answer.message}`, { retryable: true }));
        else resolve(answer);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    underWay -= 1;
    await flush();
  }

  function call(batch: readonly Waiting[]): Promise<unknown> {
    const words: Word[] = [...leading()];
    const [{ event: first, size }] = batch as readonly [Waiting];
    if (size > MAX_BYTES_ALONG)
      return commit([...words, first.id, "", ...first.args], { key: keyOf(first.id), value: first.bytes });
    for (const { event } of batch) words.push(event.id, event.bytes, ...event.args);
    return commit(words);
  }

  /** As many of those that wait as go in one call. */
  function next(): readonly Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { size } of waiting) {
      bytes += size;
      if (count > 0 && (count === MAX_EVENTS || bytes > MAX_BYTES || size > MAX_BYTES_ALONG)) break;
      count += 1;
      if (size > MAX_BYTES_ALONG) break;
    }
    const batch = waiting.slice(0, count);
    waiting = count === waiting.length ? [] : waiting.slice(count);
    return batch;
  }

  async function flush(): Promise<void> {
    const most = (await sharesWaits()) ? Infinity : UNDER_WAY;
    while (waiting.length > 0 && underWay < most) {
      underWay += 1;
      void send(next());
    }
  }

  return {
    store: (event) =>
      new Promise((resolve, reject) => {
        waiting.push({ event, size: lengthOf(event.bytes), resolve, reject });
        if (isPlanned) return;
        isPlanned = true;
        // What came in the same turn of the event loop goes along.
        setImmediate(() => {
          isPlanned = false;
          void flush();
        });
      }),
  };
}
