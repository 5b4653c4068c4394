/** Settings of a target -> the target. The one place that knows all types. */
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { TargetConfig } from "../config.ts";
import type { Resolve } from "./addresses.ts";
import { createHttpTarget } from "./http.ts";
import { createLogTarget } from "./log.ts";
import type { Target } from "./target.ts";

export interface TargetDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** @default the system's resolver */
  readonly resolve?: Resolve;
}

export type CreateTarget = (name: string, config: TargetConfig) => Target;

export function createTargets(deps: TargetDeps): CreateTarget {
  return function createTarget(name, config) {
    switch (config.type) {
      case "http":
        return createHttpTarget(config, deps);
      case "log":
        return createLogTarget(deps.log.child({ target: name }));
      default:
        return config satisfies never;
    }
  };
}
