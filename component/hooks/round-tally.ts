/** What the results of a round add up to: what failed, what is left undone, and why projects were left out. */
import { EndOfRun } from "./end-of-run.ts";
import { BELOW_ROLE, isLeftUndone, NO_HOOK, type HookResult } from "./result.ts";

/** What the sentences about an empty round are made of. */
export interface RoundFacts {
  readonly group: string;
  readonly visibility: string;
  readonly allowEmpty: boolean;
}

export class RoundTally {
  readonly #skipped = new Set<number>();
  /** Why projects were skipped, with their number. */
  readonly #reasons = new Map<string, number>();
  #failures = 0;
  #undone = 0;

  /** Projects that failed in this run. */
  get failures(): number {
    return this.#failures;
  }

  /** Projects that this run could not do: those that failed, and those to which the role was too low. */
  get undone(): number {
    return this.#undone;
  }

  add(result: HookResult): void {
    if (result.action === "fail") this.#failures++;
    if (isLeftUndone(result)) this.#undone++;
    if (result.action === "skip" && result.projectId !== null) {
      this.#skipped.add(result.projectId);
      const reason = result.reason ?? "";
      this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
    }
  }

  isSkipped(projectId: number): boolean {
    return this.#skipped.has(projectId);
  }

  /** Throws EndOfRun if the role was too low for some projects, and a token that was refused may have had the right one. */
  refuseLostToken(refusedTokens: number): void {
    const count = this.#reasons.get(BELOW_ROLE) ?? 0;
    if (refusedTokens === 0 || count === 0) return;
    const which = refusedTokens === 1 ? "a token" : `${refusedTokens} tokens`;
    const text = `GitLab refused ${which} of this run (401), and the role of the next one is too low in ${count} of the projects, which were left out: renew what was refused`;
    throw new EndOfRun(text, { status: 1, complete: true });
  }

  /** Throws EndOfRun unless the operator asked for a run without projects: a green run would say that all is well. */
  refuseNothing(config: RoundFacts): void {
    const asked = [...this.#reasons.keys()].every((reason) => reason === "matches --exclude");
    if (config.allowEmpty || (this.#reasons.size > 0 && asked)) return;
    throw new EndOfRun(nothingText(config, this.#reasons), { status: 1, complete: true });
  }
}

const CURES = [
  [
    BELOW_ROLE,
    "give the token's user the Maintainer role in the group, or a custom role with admin_web_hook",
  ],
  [NO_HOOK, "install hooks first, or look at the filters"],
] as const;

function nothingText(config: RoundFacts, reasons: ReadonlyMap<string, number>): string {
  const pass = "--allow-empty makes such a run a success";
  if (reasons.size === 0) {
    const shown = config.visibility === "all" ? "" : ` of visibility ${config.visibility}`;
    return `no project${shown} is listed in ${config.group}: it has none, or the token's user is no member of them (Maintainer is needed); ${pass}`;
  }
  const list = [...reasons].map(([reason, count]) => `${count} ${reason}`).join(", ");
  const [, cure] = CURES.find(([reason]) => reasons.has(reason)) ?? [null, "look at the filters"];
  return `every project was left out (${list}): ${cure}; ${pass}`;
}
