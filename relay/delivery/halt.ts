/**
 * The moment at which everything under way is called off. Like an AbortSignal, but made for a thousand listeners that come and
 * go: an AbortSignal that is shared by many attempts warns of a leak from the eleventh on, and a Set of them takes a twentieth of a
 * delivery's processor time.
 */
export interface Halt {
  readonly halted: boolean;
  /** Calls back once, at once if it has happened already; the function returned takes the listener away. */
  onHalt(listener: () => void): () => void;
}

export interface HaltSwitch extends Halt {
  halt(): void;
}

/** A listener in a ring, which goes through one that is never called. */
class Entry {
  readonly listener: () => void;
  before: Entry = this;
  after: Entry = this;

  constructor(listener: () => void) {
    this.listener = listener;
  }

  add(entry: Entry): void {
    entry.before = this.before;
    entry.after = this;
    this.before.after = entry;
    this.before = entry;
  }

  /** Changes nothing if it is in no ring. */
  remove(): void {
    this.before.after = this.after;
    this.after.before = this.before;
    this.before = this;
    this.after = this;
  }
}

export function createHalt(): HaltSwitch {
  const ring = new Entry(() => {});
  let halted = false;
  return {
    get halted() {
      return halted;
    },
    onHalt(listener) {
      const entry = new Entry(listener);
      if (halted) listener();
      else ring.add(entry);
      return () => entry.remove();
    },
    halt() {
      halted = true;
      while (ring.after !== ring) {
        const { after } = ring;
        after.remove();
        after.listener();
      }
    },
  };
}

/** One that has happened already. */
export function alreadyHalted(): Halt {
  return { halted: true, onHalt: (listener) => (listener(), () => {}) };
}
