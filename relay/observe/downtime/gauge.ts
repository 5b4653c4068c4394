/** The absence for Prometheus: `process_start_time_seconds - relay_last_seen_seconds` is its length. */
import { Gauge, type Registry } from "prom-client";

/** @param at wall clock, milliseconds */
export function registerLastSeen(registry: Registry, at: number): void {
  const gauge = new Gauge({
    name: "relay_last_seen_seconds",
    help: "Unix time when the relay was last seen before it started; the time of its start if no earlier run is known.",
    registers: [registry],
  });
  gauge.set(at / 1000);
}
