/** Gathers what the attention list is made of: from readiness, the counts of webhooks, the queue and the targets. */
import type { Check, QueueStats, TargetStats } from "../../queue/queue.ts";
import { runOf, type MinuteStats } from "../hour/minute-stats.ts";
import type { RecoveryDue } from "../recovery-due.ts";
import type { TargetBoard } from "../target-status.ts";
import type { Situation } from "./attention.ts";

export interface SituationSources {
  readonly now: number;
  readonly checks: readonly Check[];
  readonly stats: QueueStats;
  readonly minutes: Pick<MinuteStats, "minutes">;
  readonly board: Pick<TargetBoard, "list" | "flow">;
  readonly recovery: RecoveryDue | null;
  readonly settingsProblems: readonly string[];
  readonly unknownVariables: Situation["unknownVariables"];
  readonly refusedFiles: Situation["refusedFiles"];
}

export function situationOf(sources: SituationSources): Situation {
  const { stats, board } = sources;
  const minutes = sources.minutes.minutes();
  const targets = board.list();
  return {
    now: sources.now,
    failing: sources.checks.filter((check) => !check.ok).map(({ name, detail }) => `${name} (${detail})`),
    refused: runOf(minutes, (minute) => minute.unauthorized),
    notStored: runOf(minutes, (minute) => minute.unavailable),
    damagedBytes: stats.damagedBytes ?? 0,
    recovery: sources.recovery,
    targets: targets.map((target) => {
      const counts = stats.targets.get(target.name);
      return {
        name: target.name,
        paused: counts?.paused ?? false,
        waiting: counts?.waiting ?? 0,
        dead: counts?.dead ?? 0,
        deadReasons: counts?.deadReasons ?? new Map(),
        oldestAt: counts?.oldestAt ?? null,
        breaker: target.breaker,
        attempts: target.attemptsLastTenMinutes,
        failed: target.failedLastTenMinutes,
        ...board.flow(target.name),
        lastError: target.lastError?.text ?? null,
      };
    }),
    orphans: orphansOf(
      stats,
      targets.map((target) => target.name),
    ),
    settingsProblems: sources.settingsProblems,
    unknownVariables: sources.unknownVariables,
    refusedFiles: sources.refusedFiles,
  };
}

export interface Orphan extends Pick<TargetStats, "waiting" | "dead" | "oldestAt"> {
  readonly name: string;
}

/** Targets that the settings do not name and whose deliveries are kept and not made. */
export function orphansOf(stats: QueueStats, configured: readonly string[]): Orphan[] {
  const known = new Set(configured);
  return [...stats.targets]
    .filter(([name, { waiting, sending, dead }]) => !known.has(name) && waiting + sending + dead > 0)
    .map(([name, { waiting, sending, dead, oldestAt }]) => ({
      name,
      waiting: waiting + sending,
      dead,
      oldestAt,
    }));
}
