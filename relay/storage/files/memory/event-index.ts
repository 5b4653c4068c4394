/** The ids of events by row, and the way back from an id, or from the digest in it, to the row. The rows are shared with the journal. */
import { HOLDERS, IdRows } from "../../columns/id-rows.ts";
import { DIGEST_MASK, ORDERS_PER_MS, formatEventKey, formatId, orderOf } from "../../../event/event-id.ts";
import type { IdWords } from "../../../event/event-id.ts";

export class EventIndex {
  readonly ids: IdRows;
  #size = 0;

  /** @param ids the journal may hold rows in it that are none of ours */
  constructor(ids = new IdRows()) {
    this.ids = ids;
  }

  /** Events in it. */
  get size(): number {
    return this.#size;
  }

  /** The row of the event with this id; a new one, whose cells in the columns of the table are all 0, if there was none. */
  add(w0: number, w1: number, w2: number, w3: number): number {
    const row = this.ids.add(w0, w1, w2, w3);
    this.take(row);
    return row;
  }

  /** As add(), for the row of an id that the journal holds. */
  take(row: number): void {
    if (this.ids.hold(row, HOLDERS.queue)) this.#size++;
  }

  /** Whether there is an event in this row. */
  has(row: number): boolean {
    return this.ids.isHeld(row, HOLDERS.queue);
  }

  /** The row of the event with this id; 0 if there is none. */
  find(w0: number, w1: number, w2: number, w3: number): number {
    const row = this.ids.find(w0, w1, w2, w3);
    return this.has(row) ? row : 0;
  }

  /** The newest event of this digest that was stored at or after `since`; 0 if there is none. */
  findDigest(digest: IdWords, since: number): number {
    const [, w1 = 0, w2 = 0, w3 = 0] = digest;
    let found = 0;
    let foundOrder = since * ORDERS_PER_MS;
    this.ids.visitEnding(w2, w3, (row) => {
      if ((this.ids.word(row, 1) & DIGEST_MASK) !== w1 || this.orderOf(row) < foundOrder) return;
      if (!this.has(row)) return;
      found = row;
      foundOrder = this.orderOf(row);
    });
    return found;
  }

  /** Forgets the event; its row is freed once the journal has let go of it, too. */
  remove(row: number): void {
    this.#size--;
    this.ids.release(row, HOLDERS.queue);
  }

  is(row: number, id: IdWords): boolean {
    return this.ids.is(row, id[0]!, id[1]!, id[2]!, id[3]!);
  }

  /** Order of storing. */
  orderOf(row: number): number {
    return orderOf(this.ids.word(row, 0), this.ids.word(row, 1));
  }

  wordsOf(row: number): IdWords {
    const { ids } = this;
    return Uint32Array.of(ids.word(row, 0), ids.word(row, 1), ids.word(row, 2), ids.word(row, 3));
  }

  idOf(row: number): string {
    const { ids } = this;
    return formatId(ids.word(row, 0), ids.word(row, 1), ids.word(row, 2), ids.word(row, 3));
  }

  /** The key under which the event is stored. */
  keyOf(row: number): string {
    const { ids } = this;
    return formatEventKey(ids.word(row, 0), ids.word(row, 1), ids.word(row, 2), ids.word(row, 3));
  }
}
