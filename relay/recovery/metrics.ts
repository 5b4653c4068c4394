/** Runs of the relay's own recovery for Prometheus. */
import { Counter, type Registry } from "prom-client";
import type { RecoveryRun } from "./runner.ts";

const OUTCOMES = ["complete", "limited", "failed", "refused"] as const;

/** @returns to be told how each run ended */
export function registerRecovery(registry: Registry): (run: RecoveryRun) => void {
  const runs = new Counter({
    name: "relay_recovery_runs_total",
    help: "Runs of the relay's own recovery by how they ended.",
    labelNames: ["outcome"],
    registers: [registry],
  });
  const delivered = new Counter({
    name: "relay_recovery_delivered_total",
    help: "Deliveries that failed in GitLab and that the relay's own recovery found delivered or delivered.",
    registers: [registry],
  });
  for (const outcome of OUTCOMES) runs.inc({ outcome }, 0);
  return (run) => {
    runs.inc({ outcome: run.outcome });
    delivered.inc(run.delivered ?? 0);
  };
}
