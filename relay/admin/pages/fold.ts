/** Attempts of one delivery that went alike, one after another, as one step: a wall of the same answer says no more than its number. Pure. */
import type { Step } from "./timeline.ts";

export interface FoldedStep extends Step {
  /** Attempts that it stands for. */
  readonly times: number;
  /** Number and time of the last of them. */
  readonly lastAttempt: number | null;
  readonly lastAt: number | null;
}

/** The steps in their order, each folded one in the place of its first. */
export function foldSteps(steps: readonly Step[]): FoldedStep[] {
  const folded: FoldedStep[] = [];
  /** Place of the last step of each delivery. */
  const last = new Map<string, number>();
  for (const step of steps) {
    const delivery = `${step.target}\n${step.replay}`;
    const place = last.get(delivery) ?? -1;
    const before = folded[place];
    if (before !== undefined && isAlike(before, step)) {
      folded[place] = {
        ...before,
        times: before.times + 1,
        lastAttempt: step.attempt,
        lastAt: step.at,
        // The newest is what an operator can still see at the target.
        exchange: step.exchange ?? before.exchange,
      };
      continue;
    }
    last.set(delivery, folded.length);
    folded.push({ ...step, times: 1, lastAttempt: step.attempt, lastAt: step.at });
  }
  return folded;
}

function isAlike(one: Step, other: Step): boolean {
  return (
    one.name === "attempt" &&
    other.name === "attempt" &&
    one.status === other.status &&
    one.text === other.text &&
    one.excerpt === other.excerpt
  );
}
