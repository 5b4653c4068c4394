/** Every type of target. The one place that lists them: their schemas as one, and settings -> target. */
import { z } from "zod";
import { NO_ANSWER, unansweredFiles, type ReadText } from "../../lib/answering-files.ts";
import { ConfigError, type Problem } from "../../lib/errors.ts";
import type { Sending, Target } from "../delivery/port.ts";
import { attemptTraceparent } from "../event/trace.ts";
import { httpType } from "./http/index.ts";
import { LateTarget } from "./late-target.ts";
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
  /** Whether each attempt has its own span. @default false */
  readonly isTraced?: boolean;
  /** Asks files whether they answer before they are read. @default they are not asked */
  readonly readText?: ReadText;
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
      const problems = await fileProblems(settings, deps);
      try {
        if (problems.length === 0) {
          await create(name, settings).close();
          problems.push(...((await typeOf(settings).check?.(settings, deps)) ?? []));
        }
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        problems.push(...error.problems);
      }
      return problems.map(({ path, message }) => ({ path: `targets.${name}.${path}`, message }));
    }),
  );
  return found.flat();
}

/** The targets that wait for a file that does not answer, each with what to say. Waits for ANSWER_MS at most. */
export async function unansweredTargets(
  targets: Readonly<Record<string, TargetSettings>>,
  deps: RegistryDeps,
): Promise<ReadonlyMap<string, readonly Problem[]>> {
  const found = await Promise.all(
    Object.entries(targets).map(
      async ([name, settings]) => [name, await fileProblems(settings, deps)] as const,
    ),
  );
  return new Map(found);
}

/**
 * For the start, which never fails for what a target needs outside the settings, such as a certificate: webhooks are taken all the
 * same.
 * @param unanswered targets that are not tried yet, and why. @default all are tried at once
 */
export function createTargetsOrFailing(
  deps: RegistryDeps,
  unanswered: ReadonlyMap<string, readonly Problem[]> = new Map(),
): CreateTarget {
  const create = createTargets(deps);
  return function createTarget(name, settings) {
    const late = new LateTarget(name, {
      clock: deps.clock,
      log: deps.log,
      create: () => create(name, settings),
      fileProblems: () => fileProblems(settings, deps),
    });
    return late.begin(unanswered.get(name) ?? []);
  };
}

/** Reading them would hold up the whole process: see lib/answering-files.ts. */
async function fileProblems(
  settings: TargetSettings,
  { clock, readText }: Pick<RegistryDeps, "clock" | "readText">,
): Promise<Problem[]> {
  const files = Object.entries(typeOf(settings).files?.(settings) ?? {});
  if (readText === undefined || files.length === 0) return [];
  const paths = files.map(([, file]) => file);
  const late = new Set(await unansweredFiles(paths, { clock, readText }));
  return files
    .filter(([, file]) => late.has(file))
    .map(([path, file]) => ({ path, message: `"${file}" ${NO_ANSWER}` }));
}
