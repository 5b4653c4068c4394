/**
 * The targets of a worker over time: new settings bring a new target, and the one before is closed once its last attempt has ended.
 */
import type { Clock } from "../../lib/clock.ts";
import { Deadlines } from "../../lib/deadlines.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import type { Target } from "./port.ts";
import type { DeliverySettings } from "./settings.ts";

/** A target as it was configured at one time. */
export interface Generation {
  readonly config: DeliverySettings;
  readonly target: Target;
  /** The ends of the time that its attempts have. */
  readonly timeouts: Deadlines;
  /** Attempts under way. */
  sending: number;
}

export class Generations {
  current: Generation;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #closing = new Set<Promise<void>>();

  constructor(
    config: DeliverySettings,
    target: Target,
    { clock, log }: { readonly clock: Clock; readonly log: Log },
  ) {
    this.#clock = clock;
    this.#log = log;
    this.current = this.#made(config, target);
  }

  /** What starts from now on goes to this target. */
  replace(config: DeliverySettings, target: Target): void {
    const old = this.current;
    this.current = this.#made(config, target);
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

  #made(config: DeliverySettings, target: Target): Generation {
    const timeouts = new Deadlines(this.#clock, config.timeoutSeconds * 1000);
    return { config, target, timeouts, sending: 0 };
  }

  #close({ target, timeouts }: Generation): void {
    timeouts.close();
    const closed = target
      .close()
      .catch((error: unknown) => this.#log.warn("target.close-failed", { error: messageOf(error) }))
      .finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }
}
