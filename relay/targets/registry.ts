/** Every type of target. The one place that lists them: their schemas as one, and settings -> target. */
import { z } from "zod";
import { ConfigError } from "../../lib/errors.ts";
import { resultOfFailure } from "../delivery/outcome.ts";
import type { Target } from "../delivery/port.ts";
import { httpType } from "./http/index.ts";
import { logType } from "./log/index.ts";
import { moduleType } from "./module/index.ts";
import { pipelineType } from "./pipeline/index.ts";
import type { TargetDeps, TargetType } from "./target-type.ts";

export const TARGET_TYPES = [httpType, moduleType, pipelineType, logType] as const;

type AnySchema = (typeof TARGET_TYPES)[number]["schema"];

/** Settings of a target of any type. */
export const targetSchema = z.discriminatedUnion(
  "type",
  TARGET_TYPES.map(({ schema }) => schema) as [AnySchema, ...AnySchema[]],
);

export type TargetSettings = z.output<typeof targetSchema>;

function typeOf(settings: TargetSettings): TargetType {
  return TARGET_TYPES.find(({ name }) => name === settings.type) as TargetType;
}

/** Where a target delivers to, fit to be shown. Null if it has no address. */
export function targetAddress(settings: TargetSettings): string | null {
  return typeOf(settings).address(settings);
}

/** Throws a ConfigError, with paths below the target's settings, if the target cannot work as it is configured. */
export type CreateTarget = (name: string, settings: TargetSettings) => Target;

export function createTargets(deps: TargetDeps): CreateTarget {
  return function createTarget(name, settings) {
    return typeOf(settings).create(settings, { ...deps, log: deps.log.child({ target: name }) });
  };
}

/**
 * A target that cannot work as it is configured fails each attempt with the reason, so that its deliveries wait by their schedule
 * until the settings are corrected.
 */
export function createTargetsOrFailing(deps: TargetDeps): CreateTarget {
  const create = createTargets(deps);
  return function createTarget(name, settings) {
    try {
      return create(name, settings);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const reason = error.problems
        .map((p) => (p.path === "url" ? p.message : `${p.path} ${p.message}`))
        .join("; ");
      deps.log.error("target.unusable", { target: name, error: reason });
      return { send: () => Promise.resolve(resultOfFailure(reason)), close: () => Promise.resolve() };
    }
  };
}
