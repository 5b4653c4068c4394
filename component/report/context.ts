/** What the readable reports of all commands say besides their results, and how a run ended, in words. Pure. */
import { stopText, type StopReason } from "../../lib/gitlab/budget.ts";

export interface Context {
  readonly command: string;
  readonly group: string;
  readonly gitlabUrl: string;
  readonly dryRun: boolean;
  readonly notices: readonly string[];
  /** What ended the run as a whole; null: nothing did. */
  readonly trouble: string | null;
  /** Name of the component's job; empty outside of one. */
  readonly job: string;
}

/** What every report.json says of its run. */
export interface RunReport {
  readonly complete: boolean;
  readonly stoppedBy: StopReason | null;
}

export interface EndWords {
  /** What a dry run is called. */
  readonly dryRun: string;
  /** What to do about a dry run that a limit ended. */
  readonly again: string;
}

export function endText({ complete, stoppedBy }: RunReport, { dryRun }: Context, words: EndWords): string {
  const what = dryRun ? words.dryRun : "run";
  if (complete) return `${what} complete`;
  if (stoppedBy === null) return `${what} ended early`;
  const next = dryRun ? words.again : "the next run goes on from there";
  return `${what} stopped early ${stopText(stoppedBy)}: ${next}`;
}
