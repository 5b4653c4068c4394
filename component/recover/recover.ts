/**
 * `recover`: what GitLab logged as failed is delivered after all.
 *
 * The group's hook comes first, then its projects, as the installer walks them. Where GitLab's limit of resends leaves a place
 * unfinished, the others go on meanwhile; in the end the run waits for the limit as far as its time allows.
 */
import pLimit from "p-limit";
import type { Clock } from "../../lib/clock.ts";
import { markerIn } from "../hooks/desired.ts";
import { RunStopped } from "../../lib/gitlab/budget.ts";
import type { Level, Place } from "../gitlab/types.ts";
import { probeGroup, type Probe } from "../hooks/level.ts";
import { isOurs } from "../hooks/plan.ts";
import { groupPlace, isFiltered, Round, type RoundDeps } from "../hooks/round.ts";
import { concluded, type RoundOutcome } from "../hooks/outcome.ts";
import type { HookResult } from "../hooks/result.ts";
import type { CursorStore } from "../hooks/cursor.ts";
import type { Memory } from "./memory.ts";
import { createPace } from "./pace.ts";
import { Deliverer } from "./deliver.ts";
import { HookLogs } from "./hook-logs.ts";
import { PlaceRecovery } from "./place.ts";
import { PlaceWork } from "./place-work.ts";
import type { Receiver } from "./receiver.ts";
import { createTrust } from "./trust.ts";

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
  const { config, gitlab, budget, memory } = deps;
  const works = new WeakMap<HookResult, PlaceWork>();
  const waiting: PlaceWork[] = [];
  /** Places that wait for the limit are not done, although the walk has gone past them. */
  const cursors: CursorStore = {
    load: (walk) => memory.load(walk),
    save(cursor) {
      if (cursor === null) return memory.save(null);
      const waits = waiting.map(({ place }) => ({ id: Number(place.id), path: place.path }));
      const failed = [...new Map([...cursor.failed, ...waits].map((entry) => [entry.id, entry])).values()];
      return memory.save({ ...cursor, failed });
    },
  };
  const round = new Round({
    ...deps,
    cursors,
    report: (result) => deps.report(result, works.get(result) ?? null),
  });
  const { clock, random, receiver, since, until } = deps;
  const logs = new HookLogs({ logs: gitlab.logs, memory, clock, mode: config.mode, since, until });
  const recovery = new PlaceRecovery({
    hooks: gitlab.hooks,
    logs,
    receiver,
    deliverer: new Deliverer({
      logs: gitlab.logs,
      receiver,
      pace: createPace(clock),
      budget,
      random,
      remember: (work) => logs.rememberNow(work),
    }),
    trust: createTrust(config),
    relayUrl: config.url,
    dryRun: config.dryRun,
  });
  let level: Level = config.level === "group" ? "group" : "project";

  function resultFor(work: PlaceWork): HookResult {
    const result = work.result(config);
    works.set(result, work);
    return result;
  }

  function reportNow(work: PlaceWork): void {
    deps.report(resultFor(work), work);
  }

  /** Works on a place; one that waits for the limit is reported later. */
  async function visit(place: Place): Promise<HookResult> {
    const work = new PlaceWork(place);
    try {
      await recovery.begin(work);
    } catch (error) {
      reportNow(work);
      throw error;
    }
    if (work.waitMs !== null) waiting.push(work);
    return resultFor(work);
  }

  async function visitAndReport(place: Place): Promise<void> {
    const result = await visit(place);
    const work = works.get(result) as PlaceWork;
    if (work.waitMs === null) reportNow(work);
  }

  async function finishWaiting(): Promise<void> {
    const slots = pLimit(config.concurrency);
    while (waiting.length > 0) {
      // Without a time limit no wait is as long as GitLab's minute.
      if (config.timeLimit === null) budget.stop("rate-limit");
      await budget.pause(Math.min(...waiting.map((work) => work.waitMs ?? 0)));
      const now = waiting.splice(0);
      const ends = await Promise.allSettled(now.map((work) => slots(() => recovery.goOn(work))));
      now.forEach((work, index) => {
        if (ends[index]?.status === "rejected" || work.waitMs !== null) waiting.push(work);
        else reportNow(work);
      });
      const failed = ends.find((end) => end.status === "rejected");
      if (failed) throw failed.reason;
    }
  }

  return concluded(
    () => level,
    round,
    async () => {
      try {
        if (config.projects.length > 0) {
          const slots = pLimit(config.concurrency);
          const places = config.projects.map(placeNamed);
          const ends = await Promise.allSettled(places.map((place) => slots(() => visitAndReport(place))));
          for (const end of ends) if (end.status === "rejected") throw end.reason;
        } else {
          const probe = await probeOf(deps);
          level = levelOf(deps, probe);
          if (config.level === "instance")
            deps.notice(
              "GitLab keeps no log of a system hook's deliveries that its API shows: only the hooks of the group are looked at",
            );
          if (probe?.hooks?.some((hook) => isOurs(hook, config.url)))
            await visitAndReport(groupPlace(config));
          else if (level === "group") {
            deps.notice(`the group has no hook of ours${probe?.refusal ? `: ${probe.refusal}` : ""}`);
          }
          if (level === "project") {
            const done = (result: HookResult): boolean => (works.get(result)?.waitMs ?? null) === null;
            await round.projects({ name: "recover", work: visit, keep: done });
            // From here on the next run begins at the first project: what logs hold that is new matters as much as the rest.
            await round.close();
          }
        }
        await finishWaiting();
      } finally {
        for (const work of waiting) reportNow(work);
        await memory.flush();
      }
      if (budget.stopped !== null) throw new RunStopped(budget.stopped);
    },
  );
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
