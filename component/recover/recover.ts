/**
 * `recover`: what GitLab logged as failed is delivered after all.
 *
 * The group's hook comes first, then its projects, as the installer walks them. Where GitLab's limit of resends leaves a place
 * unfinished, the others go on meanwhile; in the end the run waits for the limit as far as its time allows.
 */
import type { Clock } from "../../lib/clock.ts";
import { markerIn } from "../hooks/desired.ts";
import { RunStopped } from "../../lib/gitlab/budget.ts";
import type { Level, Place } from "../gitlab/types.ts";
import { probeGroup, type Probe } from "../hooks/level.ts";
import { isOurs } from "../hooks/plan.ts";
import { EndOfRun } from "../hooks/end-of-run.ts";
import { groupPlace, isFiltered, Round, type RoundDeps, type RunConfig } from "../hooks/round.ts";
import { concluded, type RoundOutcome } from "../hooks/outcome.ts";
import type { HookResult } from "../hooks/result.ts";
import type { CursorStore } from "../hooks/cursor.ts";
import type { Memory } from "./memory.ts";
import { createPace } from "./pace.ts";
import { Deliverer } from "./deliver.ts";
import { HookLogs } from "./hook-logs.ts";
import { PlaceRecovery } from "./place.ts";
import type { PlaceWork } from "./place-work.ts";
import type { Receiver } from "./receiver.ts";
import { createTrust } from "./trust.ts";
import { Visits } from "./visits.ts";

export interface RecoverDeps extends Omit<RoundDeps, "cursors" | "report"> {
  readonly clock: Clock;
  readonly random: () => number;
  readonly memory: Memory;
  readonly receiver: Receiver;
  /** Wall clock, milliseconds: rows from then on count. */
  readonly since: number;
  /** Wall clock, milliseconds: deliveries that GitLab first tried later are left alone; null: none. */
  readonly until: number | null;
  /** Gets each place once; `work` is null for one that was left out. */
  readonly report: (result: HookResult, work: PlaceWork | null) => void;
}

/** @returns how far it came; places and notices went to `report` and `notice` on the way */
export async function recover(deps: RecoverDeps): Promise<RoundOutcome> {
  const { config, budget, memory, report } = deps;
  const visits = new Visits({ config, budget, report, recovery: recoveryOf(deps) });
  const round = new Round({
    ...deps,
    cursors: cursorsOf(memory, visits),
    report: (result) => report(result, visits.workOf(result)),
  });
  let level: Level = config.level === "group" ? "group" : "project";

  async function visitGroup(): Promise<void> {
    const probe = await probeOf(deps);
    level = levelOf(deps, probe);
    if (config.level === "instance")
      deps.notice(
        "GitLab keeps no log of a system hook's deliveries that its API shows: only the hooks of the group are looked at",
      );
    if (probe?.hooks?.some((hook) => isOurs(hook, config.url)))
      await visits.visitAndReport(groupPlace(config));
    else if (level === "group") {
      deps.notice(`the group has no hook of ours${probe?.refusal ? `: ${probe.refusal}` : ""}`);
    }
    if (level === "group") return;
    const isDone = (result: HookResult): boolean => (visits.workOf(result)?.waitMs ?? null) === null;
    await round.projects({ name: "recover", work: (place) => visits.visit(place), keep: isDone });
    // From here on the next run begins at the first project: what logs hold that is new matters as much as the rest.
    await round.close();
  }

  return concluded(
    () => level,
    round,
    async () => {
      try {
        if (config.projects.length > 0) {
          const results = await visits.visitAll(config.projects.map(placeNamed));
          for (const { action, path, reason } of results)
            if (action === "skip") deps.notice(`left out of --projects: ${path} ${reason ?? ""}`);
        } else await visitGroup();
        await visits.finishWaiting();
      } finally {
        visits.reportWaiting();
        await memory.flush();
      }
      if (budget.stopped !== null) throw new RunStopped(budget.stopped);
      if (!visits.looked && !round.worked) refuseNothing(config, round, level);
    },
  );
}

/** Throws EndOfRun unless the operator asked for a run without hooks to look at: a green run would say that nothing was missed. */
function refuseNothing(config: RunConfig, round: Round, level: Level): void {
  if (config.allowEmpty) return;
  if (config.projects.length === 0 && level === "project") return round.refuseNothing();
  const place = config.projects.length > 0 ? "none of --projects" : `the group ${config.group}`;
  const has = config.projects.length > 0 ? "has" : "does not have";
  const text = `no log was looked at: ${place} ${has} a hook of ours that this token sees; install hooks first, or check the names and the token; --allow-empty makes such a run a success`;
  throw new EndOfRun(text, { status: 1, complete: true });
}

function recoveryOf({ config, gitlab, budget, memory, ...deps }: RecoverDeps): PlaceRecovery {
  const { clock, random, receiver, since, until } = deps;
  const logs = new HookLogs({ logs: gitlab.logs, memory, clock, mode: config.mode, since, until });
  const deliverer = new Deliverer({
    logs: gitlab.logs,
    receiver,
    pace: createPace(clock),
    budget,
    random,
    remember: (work) => logs.rememberNow(work),
  });
  return new PlaceRecovery({
    hooks: gitlab.hooks,
    logs,
    receiver,
    deliverer,
    trust: createTrust(config),
    relayUrl: config.url,
    dryRun: config.dryRun,
  });
}

/** Places that wait for the limit are not done, although the walk has gone past them. */
function cursorsOf(memory: Memory, visits: Visits): CursorStore {
  return {
    load: (walk) => memory.load(walk),
    save(cursor) {
      if (cursor === null) return memory.save(null);
      const waits = visits.waiting.map(({ id, path }) => ({ id: Number(id), path }));
      const failed = [...new Map([...cursor.failed, ...waits].map((entry) => [entry.id, entry])).values()];
      return memory.save({ ...cursor, failed });
    },
  };
}

/** The group's hooks, where they matter; filters choose projects, so they leave the group's own hook alone. */
async function probeOf({ config, gitlab }: RecoverDeps): Promise<Probe | null> {
  if (config.level === "project" || isFiltered(config)) return null;
  return probeGroup(gitlab.hooks.group, config.group);
}

/** A group hook of ours covers all projects, unless the installer says that it is still on its way there. */
function levelOf({ config }: RecoverDeps, probe: Probe | null): Level {
  if (config.level === "group" || config.level === "project") return config.level;
  const ours = probe?.hooks?.filter((hook) => isOurs(hook, config.url)) ?? [];
  const arrived = ours.some((hook) => markerIn(hook["description"])?.moving !== true);
  return arrived ? "group" : "project";
}

function placeNamed(name: string): Place {
  return { level: "project", id: /^\d+$/.test(name) ? Number(name) : name, path: name };
}
