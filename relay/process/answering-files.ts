/**
 * Files that must answer before a start reads them. Settings are read in one go, which nothing can interrupt: a network folder that hangs would
 * hold up the program without a word, and its end as well.
 */
import type { Clock } from "../../lib/clock.ts";
import { ConfigError } from "../../lib/errors.ts";
import type { Env } from "../../lib/settings.ts";
import { ENV_BINDINGS } from "../config/schema.ts";
import { DEFAULT_FILE } from "../config/load.ts";

/** Longest wait for a file, in milliseconds. */
export const ANSWER_MS = 10_000;

export interface AnsweringDeps {
  readonly clock: Pick<Clock, "after">;
  /** Text of a file beside other work; null where it cannot be read. */
  readonly readText: (path: string) => Promise<string | null>;
}

/** The files that a start reads first. @param file value of --config */
export function firstFiles(file: string | null, env: Env): string[] {
  const named = (name: string): string[] => {
    const path = env[`${name}_FILE`];
    return path === undefined || path === "" ? [] : [path];
  };
  const settings = file ?? (env["RELAY_CONFIG"] || DEFAULT_FILE);
  return [settings, ...["RELAY_CONFIG", ...ENV_BINDINGS.map(({ name }) => name)].flatMap(named)];
}

/** Rejects with a ConfigError that names the files that have not answered in time. What is wrong with others is told when they are read. */
export async function refuseUnanswered(paths: readonly string[], deps: AnsweringDeps): Promise<void> {
  const open = new Set(paths);
  let timer: { cancel(): void } | null = null;
  const late = new Promise<void>((resolve) => {
    timer = deps.clock.after(ANSWER_MS, resolve);
  });
  const answered = Promise.all(
    [...open].map(async (path) => {
      await deps.readText(path);
      open.delete(path);
    }),
  );
  await Promise.race([answered, late]);
  (timer as { cancel(): void } | null)?.cancel();
  if (open.size === 0) return;
  throw new ConfigError(
    [...open].map((path) => ({
      path,
      message: `does not answer: it could not be read within ${ANSWER_MS / 1000} seconds; is it on a network folder that hangs?`,
    })),
  );
}
