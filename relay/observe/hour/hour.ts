/**
 * The last hour, minute by minute, in fixed space: counts of a few kinds, and how long things took. It can be written down and read
 * again, so that a restart leaves no hole but the minutes of its own.
 */
import { z } from "zod";

const MINUTES = 60;
const MINUTE_MS = 60_000;
/** Upper ends of the duration classes: 0.1 ms, each a quarter more than the one before, 70 of them to beyond ten minutes. */
const CLASS_ENDS_MS = Array.from({ length: 70 }, (_, index) => 0.1 * 1.25 ** index);

export interface HourMinute<Field extends string> {
  /** Wall clock of its start, milliseconds. */
  readonly at: number;
  readonly counts: Readonly<Record<Field, number>>;
  /** Milliseconds below which this share of what was timed lies, at most a quarter too high; null: nothing was. */
  quantile(share: number): number | null;
}

/** `[minute, counts, [class, times] of the classes that are not empty]` */
const savedSlots = z.array(
  z.tuple([z.number().int(), z.array(z.number()), z.array(z.tuple([z.number().int(), z.number()]))]),
);
export type SavedHour = z.output<typeof savedSlots>;

class Slot {
  minute = -1;
  readonly counts: Uint32Array;
  readonly classes = new Uint32Array(CLASS_ENDS_MS.length);
  constructor(fields: number) {
    this.counts = new Uint32Array(fields);
  }
  begin(minute: number): void {
    this.minute = minute;
    this.counts.fill(0);
    this.classes.fill(0);
  }
}

export class Hour<Field extends string> {
  readonly #fields: readonly Field[];
  readonly #slots: readonly Slot[];
  readonly #empty: Slot;

  constructor(fields: readonly Field[]) {
    this.#fields = fields;
    this.#slots = Array.from({ length: MINUTES }, () => new Slot(fields.length));
    this.#empty = new Slot(fields.length);
  }

  /** @param now wall clock, milliseconds */
  add(now: number, field: Field): void {
    const { counts } = this.#slotAt(now);
    const index = this.#fields.indexOf(field);
    counts[index] = (counts[index] as number) + 1;
  }

  time(now: number, durationMs: number): void {
    const { classes } = this.#slotAt(now);
    const index = classOf(durationMs);
    classes[index] = (classes[index] as number) + 1;
  }

  /** Oldest first; the present minute is the last. */
  minutes(now: number): readonly HourMinute<Field>[] {
    return this.#lastSlots(now).map(({ minute, slot }) => ({
      at: minute * MINUTE_MS,
      counts: this.#counts(slot),
      quantile: (share) => quantileOf(slot.classes, share),
    }));
  }

  /** The sum of an hour. */
  total(now: number): Readonly<Record<Field, number>> {
    const sum = new Slot(this.#fields.length);
    for (const { slot } of this.#lastSlots(now))
      slot.counts.forEach((count, index) => {
        sum.counts[index] = (sum.counts[index] as number) + count;
      });
    return this.#counts(sum);
  }

  /** As HourMinute.quantile(), of the whole hour. */
  quantile(now: number, share: number): number | null {
    const all = new Uint32Array(CLASS_ENDS_MS.length);
    for (const { slot } of this.#lastSlots(now))
      slot.classes.forEach((count, index) => {
        all[index] = (all[index] as number) + count;
      });
    return quantileOf(all, share);
  }

  save(): SavedHour {
    return this.#slots
      .filter((slot) => slot.minute >= 0)
      .map((slot) => [
        slot.minute,
        [...slot.counts],
        [...slot.classes].flatMap((count, index): [number, number][] =>
          count === 0 ? [] : [[index, count]],
        ),
      ]);
  }

  /** Takes over what save() gave, as far as it fits; what is not of this form is left out. */
  restore(saved: unknown): void {
    for (const [minute, counts, classes] of savedSlots.safeParse(saved).data ?? []) {
      if (minute < 0 || counts.length !== this.#fields.length) continue;
      const slot = this.#slots[minute % MINUTES] as Slot;
      slot.begin(minute);
      slot.counts.set(counts);
      for (const [index, count] of classes) if (index in slot.classes) slot.classes[index] = count;
    }
  }

  #slotAt(now: number): Slot {
    const minute = Math.floor(now / MINUTE_MS);
    const slot = this.#slots[minute % MINUTES] as Slot;
    if (slot.minute !== minute) slot.begin(minute);
    return slot;
  }

  #lastSlots(now: number): readonly { readonly minute: number; readonly slot: Slot }[] {
    const present = Math.floor(now / MINUTE_MS);
    return Array.from({ length: MINUTES }, (_, index) => {
      const minute = present - MINUTES + 1 + index;
      const slot = this.#slots[minute % MINUTES] as Slot;
      return { minute, slot: slot.minute === minute ? slot : this.#empty };
    });
  }

  #counts(slot: Slot): Readonly<Record<Field, number>> {
    return Object.fromEntries(
      this.#fields.map((field, index) => [field, slot.counts[index] as number]),
    ) as Readonly<Record<Field, number>>;
  }
}

/** The first class whose end is not below the duration; the last for all beyond. Every webhook asks: a logarithm takes ten times as long. */
function classOf(durationMs: number): number {
  let low = 0;
  let high = CLASS_ENDS_MS.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((CLASS_ENDS_MS[middle] as number) < durationMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Upper end of the class in which the quantile lies. */
function quantileOf(classes: Uint32Array, share: number): number | null {
  const count = classes.reduce((sum, one) => sum + one, 0);
  if (count === 0) return null;
  let left = Math.ceil(count * share);
  for (let index = 0; index < classes.length; index += 1) {
    left -= classes[index] as number;
    if (left <= 0) return CLASS_ENDS_MS[index] as number;
  }
  return null;
}
