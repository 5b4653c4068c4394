/** The absence for Prometheus: `process_start_time_seconds - relay_last_seen_seconds` is its length. */
import { Gauge, type Registry } from "prom-client";

/** @param at wall clock, milliseconds */
export function registerLastSeen(registry: Registry, at: number): void {
  const gauge = new Gauge({
    name: "relay_last_seen_seconds",
    help: "Unix time when the relay was last seen before it started; the time of its start where nothing is known of an earlier run.",
    registers: [registry],
  });
  gauge.set(at / 1000);
}
