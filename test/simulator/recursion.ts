/** Hooks that cause events that fire hooks: under one event UUID a hook fires once, and no more than a hundred do. */
import type { Clock } from "../../lib/clock.ts";

const MAX_CHAIN = 100;
const MEMORY_MS = 30 * 60_000;

export class Recursion {
  readonly #clock: Clock;
  readonly #chains = new Map<string, { readonly hooks: Set<number>; readonly until: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  blocks(uuid: string | undefined, hookId: number): boolean {
    if (uuid === undefined) return false;
    const chain = this.#chains.get(uuid);
    if (!chain || chain.until < this.#clock.now()) return false;
    return chain.hooks.has(hookId) || chain.hooks.size >= MAX_CHAIN;
  }

  /** Notes that the hook fires under the UUID; false: it must not. */
  register(uuid: string, hookId: number): boolean {
    if (this.blocks(uuid, hookId)) return false;
    const now = this.#clock.now();
    for (const [known, chain] of this.#chains) {
      if (chain.until >= now) break;
      this.#chains.delete(known);
    }
    const chain = this.#chains.get(uuid) ?? { hooks: new Set<number>(), until: now + MEMORY_MS };
    chain.hooks.add(hookId);
    this.#chains.set(uuid, chain);
    return true;
  }
}
