/** Settings of a target -> the target. The one place that knows all types. */
import type { Clock } from "../../lib/clock.ts";
import { ConfigError } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import type { TargetConfig } from "../config/schema.ts";
import { resultOfFailure } from "../delivery/outcome.ts";
import type { ConnectionDeps } from "./http/connection.ts";
import { createHttpTarget } from "./http/http.ts";
import { createLogTarget } from "./log/log.ts";
import { createModuleTarget } from "./module/module.ts";
import { createPipelineTarget } from "./pipeline/pipeline.ts";
import type { Target } from "../delivery/port.ts";
import { startThread, watchFolder } from "./module/thread.ts";

export interface TargetDeps extends ConnectionDeps {
  readonly clock: Clock;
  readonly log: Log;
}

/** Never throws: a target that cannot work as it is configured fails each attempt with the reason. */
export type CreateTarget = (name: string, config: TargetConfig) => Target;

export function createTargets(deps: TargetDeps): CreateTarget {
  const { clock } = deps;
  const create: CreateTarget = (name, config) => {
    const log = deps.log.child({ target: name });
    switch (config.type) {
      case "http":
        return createHttpTarget(config, deps);
      case "module":
        return createModuleTarget(config, { clock, log, startThread, watchFolder });
      case "pipeline":
        return createPipelineTarget(config, deps);
      case "log":
        return createLogTarget(log);
      default:
        return config satisfies never;
    }
  };
  return function createTarget(name, config) {
    try {
      return create(name, config);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const reason = error.problems
        .map((p) => (p.path === "url" ? p.message : `${p.path} ${p.message}`))
        .join("; ");
      deps.log.error("target.unusable", { target: name, reason });
      return unusable(reason);
    }
  };
}

/** Its deliveries wait by their schedule until the settings are corrected. */
function unusable(reason: string): Target {
  return {
    send: () => Promise.resolve(resultOfFailure(reason)),
    close: () => Promise.resolve(),
  };
}
