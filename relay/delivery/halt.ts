/**
 * The moment at which everything under way is called off. Like an AbortSignal, but made for a thousand listeners that come and
 * go: an AbortSignal that is shared by many attempts warns of a leak from the eleventh on.
 */
import { ShortLivedSet } from "../../lib/short-lived.ts";

export interface Halt {
  readonly halted: boolean;
  /** Calls back once, at once where it has happened already; the function returned takes the listener away. */
  onHalt(listener: () => void): () => void;
}

export interface HaltSwitch extends Halt {
  halt(): void;
}

export function createHalt(): HaltSwitch {
  const listeners = new ShortLivedSet<() => void>();
  let halted = false;
  return {
    get halted() {
      return halted;
    },
    onHalt(listener) {
      if (halted) listener();
      else listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    halt() {
      halted = true;
      const called = [...listeners];
      listeners.clear();
      for (const listener of called) listener();
    },
  };
}

/** One that has happened already. */
export function alreadyHalted(): Halt {
  return { halted: true, onHalt: (listener) => (listener(), () => {}) };
}
