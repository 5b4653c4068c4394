/** Every type of target. The one place that lists them: their schemas as one, and settings -> target. */
import { z } from "zod";
import { ConfigError, type Problem } from "../../lib/errors.ts";
import { resultOfFailure } from "../delivery/outcome.ts";
import type { Sending, Target } from "../delivery/port.ts";
import { attemptTraceparent } from "../event/trace.ts";
import { httpType } from "./http/index.ts";
import { logType } from "./log/index.ts";
import { moduleType } from "./module/index.ts";
import { natsType } from "./nats/index.ts";
import { pipelineType } from "./pipeline/index.ts";
import type { TargetDeps, TargetRequest, TargetType } from "./target-type.ts";

export const TARGET_TYPES = [httpType, moduleType, pipelineType, natsType, logType] as const;

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

/** What the target would send for an event; null if it sends nothing that can be shown. Throws as the type's own does. */
export function previewOf(
  settings: TargetSettings,
  event: Pick<Sending, "meta" | "body">,
): TargetRequest | null {
  return typeOf(settings).preview?.(settings, event) ?? null;
}

export interface RegistryDeps extends Omit<TargetDeps, "traceparent"> {
  /** Whether each attempt has a span of its own. @default false */
  readonly isTraced?: boolean;
}

/** Throws a ConfigError, with paths below the target's settings, if the target cannot work as it is configured. */
export type CreateTarget = (name: string, settings: TargetSettings) => Target;

export function createTargets({ isTraced = false, ...deps }: RegistryDeps): CreateTarget {
  return function createTarget(name, settings) {
    const traceparent: NonNullable<TargetDeps["traceparent"]> = ({ meta, replay, attempt }) =>
      attemptTraceparent(meta, { eventId: meta.id, target: name, replay, attempt });
    const log = deps.log.child({ target: name });
    return typeOf(settings).create(settings, { ...deps, log, ...(isTraced ? { traceparent } : {}) });
  };
}

/**
 * What stands in the way of these targets, beyond what their schema says: every problem, with its place. Makes each target and lets
 * go of it again. Never rejects.
 */
export async function targetProblems(
  targets: Readonly<Record<string, TargetSettings>>,
  deps: RegistryDeps,
): Promise<Problem[]> {
  const create = createTargets(deps);
  const found = await Promise.all(
    Object.entries(targets).map(async ([name, settings]) => {
      const problems: Problem[] = [];
      try {
        await create(name, settings).close();
        problems.push(...((await typeOf(settings).check?.(settings, deps)) ?? []));
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        problems.push(...error.problems);
      }
      return problems.map(({ path, message }) => ({ path: `targets.${name}.${path}`, message }));
    }),
  );
  return found.flat();
}

/** A target that cannot be made is tried again with the next event after this time, in milliseconds. */
const RETRY_MS = 5_000;

/**
 * For the start, which never fails for what a target needs outside the settings, such as a certificate: webhooks are taken all the
 * same. A target that cannot be made fails each attempt with the reason, and is made as soon as that is possible.
 */
export function createTargetsOrFailing(deps: RegistryDeps): CreateTarget {
  const create = createTargets(deps);
  return function createTarget(name, settings) {
    let target: Target | null = null;
    let failure = "";
    const make = (): void => {
      try {
        target = create(name, settings);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        const reason = error.problems
          .map((p) => (p.path === "url" ? p.message : `${p.path} ${p.message}`))
          .join("; ");
        if (reason !== failure) deps.log.error("target.unusable", { target: name, error: reason });
        failure = reason;
      }
    };
    make();
    if (target !== null) return target;
    let nextAt = deps.clock.monotonic() + RETRY_MS;
    return {
      send(sending) {
        if (target === null && deps.clock.monotonic() >= nextAt) {
          make();
          nextAt = deps.clock.monotonic() + RETRY_MS;
        }
        return target === null ? Promise.resolve(resultOfFailure(failure)) : target.send(sending);
      },
      close: () => (target === null ? Promise.resolve() : target.close()),
    };
  };
}
