/**
 * How a target's slots are shared between first tries and retries, so that neither can starve the other: a fresh event is not
 * kept waiting by a thousand retries that hang, and old retries get their turn under a steady stream of fresh events.
 *
 * A quarter of the slots, at least one, is kept for each side. The rest goes to whoever has work, first tries before retries.
 * First tries alone fill every slot; retries alone leave the first tries' quarter free, so that a fresh event always finds a
 * slot. With a single slot the sides take turns.
 *
 * A worker asks the queue in the order of `asks`, each with the slots that the earlier ones left.
 */
import type { Room } from "../queue/queue.ts";

export interface Slots {
  readonly concurrency: number;
  /** Attempts under way. */
  readonly first: number;
  readonly retry: number;
  /** What was begun last; only matters if there is one slot. */
  readonly last: "first" | "retry";
}

/** Slots that are kept for each side. */
export function reserved(concurrency: number): number {
  return Math.max(1, Math.floor(concurrency / 4));
}

/**
 * What to ask the queue for next, given how many slots may be filled; null: nothing more.
 * @param free how many attempts may start, at most the number of empty slots
 * @param dry sides that had nothing (more) to claim when asked a moment ago
 */
export function nextAsk(
  slots: Slots,
  free: number,
  dry: { readonly first: boolean; readonly retry: boolean },
): Room | null {
  const empty = Math.min(free, slots.concurrency - slots.first - slots.retry);
  if (empty <= 0) return null;
  if (slots.concurrency === 1) {
    const turn = slots.last === "first" ? "retry" : "first";
    const side = dry[turn] ? (turn === "first" ? "retry" : "first") : turn;
    return dry[side] ? null : { first: side === "first" ? 1 : 0, retry: side === "retry" ? 1 : 0 };
  }
  const kept = reserved(slots.concurrency);
  const mostRetries = Math.max(0, slots.concurrency - kept - slots.retry);
  const share = dry.retry ? 0 : Math.min(empty, Math.max(0, kept - slots.retry));
  if (!dry.first) {
    // A single free place, as under a breaker's probe or a rate limit, goes to whom the last one did not.
    const retry = share === 1 && empty === 1 && slots.last === "retry" ? 0 : share;
    return { first: empty - retry, retry };
  }
  const retry = dry.retry ? 0 : Math.min(empty, mostRetries);
  return retry > 0 ? { first: 0, retry } : null;
}
