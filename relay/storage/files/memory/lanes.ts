/**
 * Which deliveries of one target may go next. Pure: time comes in, row numbers go out.
 *
 * A delivery is eligible when it is in no lane, or at the head of its lane: deliveries of one lane go strictly one after another,
 * in the order of storing. The head keeps its lane until it is done or dead; while it waits for a retry, the lane waits with it.
 *
 *   first tries  ready ones by the order of storing; those that were put back for later wait by due time
 *   retries      by due time; a delivery is a retry once an attempt counted
 *
 * First tries and retries never compete: the caller says how many of each it has room for.
 */
import type { Column, LinkColumn } from "../../columns/columns.ts";
import { Heap } from "./heap.ts";
import { ReadyLine } from "./ready-line.ts";

/** What is known of each delivery, by row. */
export interface LaneRows {
  /** Order of storing. */
  order(row: number): number;
  /** Monotonic clock from which it may be sent, milliseconds; 0: at once. */
  readonly due: Column;
  readonly attempts: Column;
  /** Number of its lane; 0: none. */
  readonly lane: Column;
  /** Neighbours in its lane. */
  readonly next: LinkColumn;
  readonly previous: LinkColumn;
  /** Place in the ready line or in a heap; 0: in none. */
  readonly place: LinkColumn;
}

interface Lane {
  readonly key: string;
  head: number;
  tail: number;
}

export class Lanes {
  readonly #rows: LaneRows;
  readonly #firstReady: ReadyLine;
  readonly #firstLater: Heap;
  readonly #retries: Heap;
  readonly #numbers = new Map<string, number>();
  readonly #lanes: (Lane | undefined)[] = [undefined];
  readonly #freeNumbers: number[] = [];

  constructor(rows: LaneRows) {
    this.#rows = rows;
    const byDue = (a: number, b: number): boolean => {
      const dueA = rows.due.get(a);
      const dueB = rows.due.get(b);
      return dueA < dueB || (dueA === dueB && rows.order(a) < rows.order(b));
    };
    this.#firstReady = new ReadyLine((row) => rows.order(row), rows.place);
    this.#firstLater = new Heap(byDue, rows.place);
    this.#retries = new Heap(byDue, rows.place);
  }

  /** Lanes with something in them. */
  get laneCount(): number {
    return this.#numbers.size;
  }

  /** A new delivery that waits; its order, due time and attempts are set. */
  add(row: number, key: string | null): void {
    if (key === null) this.#offer(row);
    else this.#enter(row, key);
  }

  /** Takes what may go now; each row is then in the hands of the caller until giveBack(), finish() or remove(). */
  take(now: number, room: { readonly first: number; readonly retry: number }): number[] {
    const taken: number[] = [];
    this.#ripen(now);
    for (let left = room.first; left > 0 && this.#firstReady.size > 0; left--) {
      taken.push(this.#firstReady.pop());
    }
    for (let left = room.retry; left > 0 && this.#retryIsDue(now); left--) {
      taken.push(this.#retries.pop());
    }
    return taken;
  }

  /** A taken delivery waits again; its due time and attempts are set anew. */
  giveBack(row: number): void {
    this.#offer(row);
  }

  /** Nothing that is offered waits beyond `latest`, on the monotonic clock. */
  capDue(latest: number): void {
    const { due } = this.#rows;
    for (const heap of [this.#firstLater, this.#retries]) {
      const late = heap.rows().filter((row) => due.get(row) > latest);
      for (const row of late) heap.remove(row);
      for (const row of late) {
        due.set(row, latest);
        heap.push(row);
      }
    }
  }

  /** Gives a waiting delivery another due time. One behind the head of its lane goes on waiting for its turn. */
  reschedule(row: number, due: number): void {
    const isOffered = this.#rows.place.get(row) !== 0;
    this.#withdraw(row);
    this.#rows.due.set(row, due);
    if (isOffered) this.#offer(row);
  }

  /** A delivery, taken or waiting, ends: the next one of its lane may go. */
  remove(row: number): void {
    this.#withdraw(row);
    if (this.#rows.lane.get(row) !== 0) this.#leave(row);
  }

  /** Its lane; null if it is in none. */
  keyOf(row: number): string | null {
    return this.#lanes[this.#rows.lane.get(row)]?.key ?? null;
  }

  hasReady(now: number): boolean {
    this.#ripen(now);
    return this.#firstReady.size > 0 || this.#retryIsDue(now);
  }

  /** When the next delivery becomes due that is not due yet; null if none waits for a time. */
  nextDue(now: number): number | null {
    this.#ripen(now);
    const first = this.#firstLater.peek();
    const retry = this.#retryIsDue(now) ? 0 : this.#retries.peek();
    if (first === 0 && retry === 0) return null;
    return Math.min(
      first === 0 ? Number.POSITIVE_INFINITY : this.#rows.due.get(first),
      retry === 0 ? Number.POSITIVE_INFINITY : this.#rows.due.get(retry),
    );
  }

  #retryIsDue(now: number): boolean {
    return this.#retries.size > 0 && this.#rows.due.get(this.#retries.peek()) <= now;
  }

  #ripen(now: number): void {
    while (this.#firstLater.size > 0 && this.#rows.due.get(this.#firstLater.peek()) <= now) {
      this.#firstReady.push(this.#firstLater.pop());
    }
  }

  /** Makes an eligible delivery one that take() finds. */
  #offer(row: number): void {
    if (this.#rows.attempts.get(row) > 0) this.#retries.push(row);
    else if (this.#rows.due.get(row) === 0) this.#firstReady.push(row);
    else this.#firstLater.push(row);
  }

  #enter(row: number, key: string): void {
    const { lane: laneOf, next, previous } = this.#rows;
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#freeNumbers.pop() ?? this.#lanes.length;
      this.#numbers.set(key, number);
      this.#lanes[number] = { key, head: 0, tail: 0 };
    }
    const lane = this.#lanes[number]!;
    laneOf.set(row, number);
    // Nearly always it is the newest and goes to the end. A head that is in no heap is being sent and stays the head.
    let before = lane.tail;
    while (
      before !== 0 &&
      this.#rows.order(before) > this.#rows.order(row) &&
      !(before === lane.head && this.#rows.place.get(before) === 0)
    ) {
      before = previous.get(before);
    }
    const after = before === 0 ? lane.head : next.get(before);
    previous.set(row, before);
    next.set(row, after);
    if (before !== 0) next.set(before, row);
    if (after === 0) lane.tail = row;
    else previous.set(after, row);
    if (before === 0) {
      lane.head = row;
      if (after !== 0) this.#withdraw(after);
      this.#offer(row);
    }
  }

  #leave(row: number): void {
    const { lane: laneOf, next, previous } = this.#rows;
    const number = laneOf.get(row);
    const lane = this.#lanes[number]!;
    const before = previous.get(row);
    const after = next.get(row);
    if (before === 0) lane.head = after;
    else next.set(before, after);
    if (after === 0) lane.tail = before;
    else previous.set(after, before);
    laneOf.set(row, 0);
    next.set(row, 0);
    previous.set(row, 0);
    if (lane.head === 0) {
      this.#numbers.delete(lane.key);
      this.#lanes[number] = undefined;
      this.#freeNumbers.push(number);
    } else if (before === 0) {
      this.#offer(after);
    }
  }

  /** Takes it out of where take() finds it, if it is there. */
  #withdraw(row: number): void {
    if (this.#rows.place.get(row) === 0) return;
    for (const heap of [this.#firstReady, this.#firstLater, this.#retries]) {
      if (heap.has(row)) {
        heap.remove(row);
        return;
      }
    }
  }
}
