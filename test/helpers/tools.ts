/**
 * Tools that some tests need and a machine may lack. Without one, its tests are skipped; with REQUIRE_TOOLS=1, as in `.ci/run` and the
 * pipeline, a missing tool fails the file that needs it, so that a green run has skipped nothing.
 */
import { spawnSync } from "node:child_process";

/**
 * Whether the tool is there.
 * @throws Error naming the tool if it is missing and REQUIRE_TOOLS=1
 */
export function available(tool: string, isThere: boolean): boolean {
  if (!isThere && process.env["REQUIRE_TOOLS"] === "1")
    throw new Error(`REQUIRE_TOOLS=1: ${tool} is missing, its tests would be skipped`);
  return isThere;
}

/** Whether the command runs and exits with 0. Asks on each call. */
export function hasCommand(command: string, versionOption: string): boolean {
  return available(command, spawnSync(command, [versionOption]).status === 0);
}
