/**
 * The targets of a worker over time: new settings bring a new target, and the one before is closed once its last attempt has ended.
 */
import { messageOf } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import type { Target } from "./port.ts";
import type { DeliverySettings } from "./settings.ts";

/** A target as it was configured at one time. */
export interface Generation {
  readonly config: DeliverySettings;
  readonly target: Target;
  /** Attempts under way. */
  sending: number;
}

export class Generations {
  current: Generation;
  readonly #log: Log;
  readonly #closing = new Set<Promise<void>>();

  constructor(config: DeliverySettings, target: Target, log: Log) {
    this.current = { config, target, sending: 0 };
    this.#log = log;
  }

  /** What starts from now on goes to this target. */
  replace(config: DeliverySettings, target: Target): void {
    const old = this.current;
    this.current = { config, target, sending: 0 };
    if (old.sending === 0) this.#close(old);
  }

  begin(): Generation {
    this.current.sending += 1;
    return this.current;
  }

  end(generation: Generation): void {
    generation.sending -= 1;
    if (generation !== this.current && generation.sending === 0) this.#close(generation);
  }

  /** Closes the present target too, which must be idle. Resolves when all are closed; a failure is logged. */
  async close(): Promise<void> {
    this.#close(this.current);
    await Promise.all(this.#closing);
  }

  #close({ target }: Generation): void {
    const closed = target
      .close()
      .catch((error: unknown) => this.#log.warn("target.close-failed", { error: messageOf(error) }))
      .finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }
}
