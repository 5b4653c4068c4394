/** How a command over the projects of a group ends: complete, stopped by a limit, or ended by trouble. */
import { UpstreamError } from "../../lib/errors.ts";
import { RunStopped } from "../../lib/gitlab/budget.ts";
import type { HookLevel } from "../gitlab/types.ts";
import { EndOfRun } from "./end-of-run.ts";
import { explainRun } from "./explain.ts";
import type { Round } from "./round.ts";

export interface RoundOutcome {
  readonly complete: boolean;
  readonly remaining: number | null;
  readonly level: HookLevel;
  /** What ended the run that is no limit: GitLab down, the group unknown, no token left, nothing to work on. */
  readonly trouble: { readonly message: string; readonly status: 1 | 2 } | null;
}

/** Runs a command's rounds; limits and GitLab's troubles become part of the outcome. */
export async function concluded(
  level: () => HookLevel,
  round: Round,
  run: () => Promise<void>,
): Promise<RoundOutcome> {
  try {
    await run();
    return { complete: true, remaining: 0, level: level(), trouble: null };
  } catch (error) {
    const outcome = { complete: false, remaining: round.remaining, level: level() };
    if (error instanceof RunStopped) return { ...outcome, trouble: null };
    if (error instanceof EndOfRun) {
      const { complete, message, status } = error;
      const remaining = complete ? 0 : outcome.remaining;
      return { ...outcome, complete, remaining, trouble: { message, status } };
    }
    if (!(error instanceof UpstreamError)) throw error;
    const { message, isOfSettings } = explainRun(error, round.group);
    return { ...outcome, trouble: { message, status: isOfSettings ? 2 : 1 } };
  }
}
