/** The files that a start reads before anything else, and what it does if one does not answer. */
import { NO_ANSWER, unansweredFiles, type AnsweringDeps } from "../../lib/answering-files.ts";
import { ConfigError } from "../../lib/errors.ts";
import type { Env } from "../../lib/env.ts";
import { ENV_BINDINGS } from "../config/schema.ts";
import { DEFAULT_FILE } from "../config/load.ts";

/** The files that a start reads first. @param file value of --config */
export function firstFiles(file: string | null, env: Env): string[] {
  const named = (name: string): string[] => {
    const path = env[`${name}_FILE`];
    return path === undefined || path === "" ? [] : [path];
  };
  const settings = file ?? (env["RELAY_CONFIG"] || DEFAULT_FILE);
  return [settings, ...["RELAY_CONFIG", ...ENV_BINDINGS.map(({ name }) => name)].flatMap(named)];
}

/** Rejects with a ConfigError that names the files that have not answered in time. */
export async function refuseUnanswered(paths: readonly string[], deps: AnsweringDeps): Promise<void> {
  const files = await unansweredFiles(paths, deps);
  if (files.length > 0) throw new ConfigError(files.map((path) => ({ path, message: NO_ANSWER })));
}
