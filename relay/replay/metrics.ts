/** Replay jobs for Prometheus. */
import { Gauge, type Registry } from "prom-client";
import type { ReplayRunner } from "./runner.ts";

export function registerReplays(registry: Registry, runner: Pick<ReplayRunner, "counts">): void {
  const gauge = new Gauge({
    name: "relay_replays",
    help: "Replay jobs that have not ended, by state.",
    labelNames: ["state"],
    registers: [registry],
    collect() {
      for (const [state, count] of Object.entries(runner.counts())) gauge.set({ state }, count);
    },
  });
}
