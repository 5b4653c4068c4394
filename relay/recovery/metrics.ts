/** Runs of the relay's own recovery for Prometheus. As elsewhere, GitLabs that the settings name have the label `gitlab`. */
import { Counter, type Registry } from "prom-client";
import { DEFAULT_INSTANCE } from "../event/event.ts";
import type { RecoveryRun } from "./runner.ts";

const OUTCOMES = ["complete", "limited", "failed", "refused"] as const;

/**
 * @param instances names of the GitLabs that are recovered from
 * @returns to be told how each run ended
 */
export function registerRecovery(
  registry: Registry,
  instances: readonly string[],
): (instance: string, run: RecoveryRun) => void {
  const registers = [registry];
  const runs: Counter<"outcome" | "gitlab"> = new Counter({
    name: "relay_recovery_runs_total",
    help: "Runs of the relay's own recovery by how they ended.",
    labelNames: ["outcome", "gitlab"],
    registers,
  });
  const delivered: Counter<"gitlab"> = new Counter({
    name: "relay_recovery_delivered_total",
    help: "Deliveries that failed in GitLab and that the relay's own recovery found delivered or delivered.",
    labelNames: ["gitlab"],
    registers,
  });
  for (const instance of instances) {
    for (const outcome of OUTCOMES) runs.inc({ outcome, ...labelOf(instance) }, 0);
    delivered.inc(labelOf(instance), 0);
  }
  return (instance, run) => {
    runs.inc({ outcome: run.outcome, ...labelOf(instance) });
    delivered.inc(labelOf(instance), run.delivered ?? 0);
  };
}

function labelOf(instance: string): { readonly gitlab?: string } {
  return instance === DEFAULT_INSTANCE ? {} : { gitlab: instance };
}
