/**
 * `--base <commit>`: another build of the relay beside this one, so that both take turns in one run. It is checked out into a
 * temporary folder and uses the packages that are installed here.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

export interface BaseBuild {
  readonly commit: string;
  /** Its sources. */
  readonly folder: string;
}

const repository = fileURLToPath(new URL("..", import.meta.url));

/** Null without `--base`. The checkout is removed when this process exits. */
export function checkOutBase(args: readonly string[] = process.argv.slice(2)): BaseBuild | null {
  const { values } = parseArgs({ args: [...args], options: { base: { type: "string" } } });
  if (values.base === undefined) return null;
  const git = (...words: string[]): string =>
    execFileSync("git", ["-C", repository, ...words], { encoding: "utf8" }).trim();
  const commit = git("rev-parse", "--short", `${values.base}^{commit}`);
  const folder = mkdtempSync(join(tmpdir(), "relay-base-"));
  git("worktree", "add", "--quiet", "--force", "--detach", folder, commit);
  symlinkSync(join(repository, "node_modules"), join(folder, "node_modules"));
  process.once("exit", () => {
    rmSync(folder, { recursive: true, force: true });
    git("worktree", "prune");
  });
  return { commit, folder };
}
