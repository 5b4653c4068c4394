/** The runtimes that the same sources run on: the machine's own Node through tsx, Node 24 without it, and Deno. */
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { available } from "./tools.ts";

const bin = fileURLToPath(new URL("../runtimes/node_modules/.bin/", import.meta.url));

/** Command that a script's path is added to. */
export const RUNTIMES = {
  node: [process.execPath, "--import", "tsx"],
  node24: [`${bin}node`],
  deno: [`${bin}deno`, "run", "-A"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/**
 * From Node 22.1 on, compiled modules are kept between processes, which makes a start three times as quick. They are written when
 * a process ends by itself: one that is only ever killed fills no cache, so that warm-up.ts does.
 */
export const COMPILE_CACHE = { NODE_COMPILE_CACHE: join(tmpdir(), "gitlab-hook-relay-compile-cache") };

export type Runtime = keyof typeof RUNTIMES;

/** Whether it is there: `npm test` installs those that are not the machine's own, where it may. */
export function hasRuntime(runtime: Runtime): boolean {
  return available(runtime, existsSync(RUNTIMES[runtime][0]!));
}
