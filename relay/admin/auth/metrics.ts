/** How people sign in for Prometheus. People whom a proxy signs in do so with each request, which says nothing. */
import { Counter, type Registry } from "prom-client";

/** `unavailable`: the identity provider did not answer. */
const OUTCOMES = ["done", "refused", "unavailable"] as const;

export type SignInVia = "token" | "oidc";
export type SignInOutcome = (typeof OUTCOMES)[number];

/** @returns to be told how each attempt ended */
export function registerSignIns(registry: Registry): (via: SignInVia, outcome: SignInOutcome) => void {
  const attempts = new Counter({
    name: "relay_sign_ins_total",
    help: "Attempts to sign in on the dashboard, by way and how they ended.",
    labelNames: ["via", "outcome"],
    registers: [registry],
  });
  for (const via of ["token", "oidc"]) for (const outcome of OUTCOMES) attempts.inc({ via, outcome }, 0);
  return (via, outcome) => attempts.inc({ via, outcome });
}
