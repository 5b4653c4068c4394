/** What became of a target's deliveries, for the log and for the operator's view of the target. */
import type { Log } from "../../lib/log.ts";
import type { TraceIdOf } from "../event/trace.ts";
import type { Settlement } from "../queue/delivery-state.ts";
import type { Claim } from "../queue/queue.ts";
import type { Breaker } from "./breaker.ts";
import type { DeliverySettings } from "./settings.ts";

export class OutcomeLog {
  /** Wall clock of the last delivery that was taken, milliseconds; null if there was none since the start. */
  lastDoneAt: number | null = null;
  lastFailure: { readonly at: number; readonly error: string } | null = null;
  readonly #log: Log;
  readonly #traceIdOf: TraceIdOf;

  constructor(log: Log, traceIdOf: TraceIdOf) {
    this.#log = log;
    this.#traceIdOf = traceIdOf;
  }

  settled({ meta, delivery }: Claim, settlement: Settlement): void {
    const eventId = meta.id;
    const { replay } = delivery;
    const attempt = delivery.attempts + 1;
    const traceId = this.#traceIdOf(meta);
    if (settlement.outcome === "released") {
      this.#log.debug("delivery.released", { eventId, replay, attempt, traceId });
      return;
    }
    const { status, error, durationMs } = settlement.attempt;
    const facts = { eventId, replay, attempt, traceId, status, durationMs };
    if (settlement.outcome === "done") {
      this.lastDoneAt = settlement.at;
      this.#log.debug("delivery.done", facts);
      return;
    }
    this.lastFailure = { at: settlement.at, error: error ?? "failed" };
    if (settlement.outcome === "dead")
      this.#log.warn("delivery.dead", { ...facts, reason: settlement.reason });
    else
      this.#log.info("delivery.retry", {
        ...facts,
        error,
        inMs: Math.max(0, settlement.dueAt - settlement.at),
      });
  }

  breaker(state: Breaker["state"], { breaker }: DeliverySettings): void {
    if (state === "open") this.#log.warn("breaker.open", { cooldownSeconds: breaker.cooldownSeconds });
    else if (state === "closed") this.#log.info("breaker.closed");
  }
}
