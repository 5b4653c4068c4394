/** Before all tests: fills the cache of compiled modules with the relay's, for the many processes that are killed and started. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { COMPILE_CACHE, hasRuntime, RUNTIMES } from "./runtimes.ts";

export function setup(): void {
  if (!hasRuntime("node24")) return;
  const program = fileURLToPath(new URL("../../relay/main.ts", import.meta.url));
  spawnSync(RUNTIMES.node24[0], [program, "--version"], { env: { ...process.env, ...COMPILE_CACHE } });
}
