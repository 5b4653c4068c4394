/** The filter on branches that a push hook may have: whether it is well formed, and what it lets through. */
import type { Hook } from "./hook.ts";

/** Whether GitLab would save the filter. */
export function validBranchFilter(hook: Hook): boolean {
  const filter = hook.branchFilter ?? "";
  if (filter === "" || hook.branchFilterStrategy === "all_branches") return true;
  if (hook.branchFilterStrategy === "regex") return asRegExp(filter) !== null;
  return !/[\s~^:?[\\\]]|\.\.|@\{|\/\/|^[/.-]|[/.]$|\.lock$/.test(filter);
}

/** Whether a push to this branch is sent. */
export function branchPasses(hook: Hook, branch: string): boolean {
  const filter = hook.branchFilter ?? "";
  if (filter === "" || hook.branchFilterStrategy === "all_branches") return true;
  if (hook.branchFilterStrategy === "regex") return asRegExp(filter)?.test(branch) ?? false;
  const pattern = filter
    .split("*")
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`))
    .join(".*");
  return new RegExp(`^${pattern}$`).test(branch);
}

function asRegExp(text: string): RegExp | null {
  try {
    return new RegExp(text);
  } catch {
    return null;
  }
}
