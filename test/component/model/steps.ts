/** What may happen to the company: runs of the installer in all weathers, and changes that people make between them. */
import * as fc from "fast-check";
import type { FaultAction, FaultRule } from "../../simulator/faults.ts";
import type { Tier } from "../../simulator/options.ts";
import type { Standing } from "./company.ts";

export interface RunStep {
  readonly step: "run";
  readonly command: "install" | "uninstall";
  readonly tokens: readonly Standing[];
  readonly secret: "none" | "shared" | "rotated" | "master";
  readonly level: "auto" | "group" | "project";
  /** Index of the relay's address. */
  readonly relay: 0 | 1;
  readonly dryRun: boolean;
  readonly faults: readonly FaultRule[];
  /** The process is killed when it has sent so many requests; the last one may have been executed. */
  readonly killed: { readonly after: number; readonly executed: boolean } | null;
  /** A second run with the same settings at the same time. */
  readonly twin: boolean;
  /** The state file of earlier runs is gone. */
  readonly forgetful: boolean;
}

export type Change =
  | { readonly step: "licence"; readonly tier: Tier; readonly unlicensedStatus: 403 | 404 }
  | { readonly step: "archive" | "unarchive"; readonly project: number }
  | { readonly step: "move"; readonly project: number; readonly to: "group" | "team" | "outside" }
  | { readonly step: "new-project" };

export type Step = RunStep | Change;

const ROUTES = [
  "GET /groups/:id/hooks",
  "POST /groups/:id/hooks",
  "PUT /groups/:id/hooks/:hook_id",
  "DELETE /groups/:id/hooks/:hook_id",
  "GET /groups/:id/projects",
  "GET /projects/:id/hooks",
  "POST /projects/:id/hooks",
  "PUT /projects/:id/hooks/:hook_id",
  "DELETE /projects/:id/hooks/:hook_id",
] as const;

const action: fc.Arbitrary<FaultAction> = fc.oneof(
  fc.constantFrom(401, 403, 404, 500, 502).map((status) => ({ kind: "status" as const, status })),
  fc.constant({ kind: "status" as const, status: 429, headers: { "Retry-After": "1" } }),
  fc.constantFrom(500, 502, 504).map((status) => ({ kind: "status-after" as const, status })),
  fc.constantFrom({ kind: "reset" as const }, { kind: "lose-answer" as const }),
  fc.constantFrom("waf" as const, "rack-attack" as const).map((by) => ({ kind: "blocked" as const, by })),
);

const fault: fc.Arbitrary<FaultRule> = fc.record({
  route: fc.constantFrom(...ROUTES),
  skip: fc.nat({ max: 4 }),
  times: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.constant("always" as const)),
  action,
});

const standings: fc.Arbitrary<Standing> = fc.oneof(
  { weight: 4, arbitrary: fc.constant("owner" as const) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Standing>("maintainer", "developer", "administrator", "custom", "revoked"),
  },
);

const run: fc.Arbitrary<RunStep> = fc.record({
  step: fc.constant("run" as const),
  command: fc.oneof(
    { weight: 9, arbitrary: fc.constant("install" as const) },
    { weight: 1, arbitrary: fc.constant("uninstall" as const) },
  ),
  tokens: fc.uniqueArray(standings, { minLength: 1, maxLength: 2 }),
  secret: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom("shared" as const, "master" as const) },
    { weight: 2, arbitrary: fc.constantFrom("none" as const, "rotated" as const) },
  ),
  level: fc.oneof(
    { weight: 3, arbitrary: fc.constant("auto" as const) },
    { weight: 1, arbitrary: fc.constantFrom("group" as const, "project" as const) },
  ),
  relay: fc.oneof(
    { weight: 5, arbitrary: fc.constant(0 as const) },
    { weight: 1, arbitrary: fc.constant(1 as const) },
  ),
  dryRun: fc.oneof({ weight: 6, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  faults: fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(fault, { minLength: 1, maxLength: 2 }) },
  ),
  killed: fc.option(fc.record({ after: fc.integer({ min: 1, max: 14 }), executed: fc.boolean() }), {
    freq: 4,
  }),
  twin: fc.oneof({ weight: 6, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  forgetful: fc.boolean(),
});

const project = fc.nat({ max: 5 });
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({
    step: fc.constant("licence" as const),
    tier: fc.constantFrom<Tier>("ce", "free", "premium", "ultimate"),
    unlicensedStatus: fc.constantFrom(403 as const, 404 as const),
  }),
  fc.record({ step: fc.constantFrom("archive" as const, "unarchive" as const), project }),
  fc.record({
    step: fc.constant("move" as const),
    project,
    to: fc.constantFrom("group" as const, "team" as const, "outside" as const),
  }),
  fc.constant({ step: "new-project" as const }),
);

/** @param longest steps of a history */
export function histories(longest: number): fc.Arbitrary<Step[]> {
  const step: fc.Arbitrary<Step> = fc.oneof({ weight: 2, arbitrary: run }, { weight: 1, arbitrary: change });
  return fc.array(step, { minLength: 1, maxLength: longest });
}
