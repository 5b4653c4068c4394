/**
 * The places that a recovery works on: each is visited, and reported once. One that GitLab's limit of resends leaves unfinished waits
 * while the others go on, and is gone on with in the end.
 */
import pLimit from "p-limit";
import type { Budget } from "../../lib/gitlab/budget.ts";
import type { Place } from "../gitlab/types.ts";
import type { HookResult } from "../hooks/result.ts";
import type { RunConfig } from "../hooks/round.ts";
import type { PlaceRecovery } from "./place.ts";
import { PlaceWork } from "./place-work.ts";

export interface VisitsDeps {
  readonly config: RunConfig;
  readonly budget: Pick<Budget, "pause" | "stop">;
  readonly recovery: Pick<PlaceRecovery, "begin" | "goOn">;
  readonly report: (result: HookResult, work: PlaceWork) => void;
}

/** Every method that works on a place throws what ends the run; the place's own trouble is in its result. */
export class Visits {
  readonly #deps: VisitsDeps;
  readonly #works = new WeakMap<HookResult, PlaceWork>();
  readonly #waiting: PlaceWork[] = [];
  #looked = false;

  constructor(deps: VisitsDeps) {
    this.#deps = deps;
  }

  /** Places that wait for the limit. */
  get waiting(): readonly Place[] {
    return this.#waiting.map(({ place }) => place);
  }

  /** Some place had a hook of ours, or trouble. */
  get looked(): boolean {
    return this.#looked;
  }

  /** What a result tells of; null: its place was not visited. */
  workOf(result: HookResult): PlaceWork | null {
    return this.#works.get(result) ?? null;
  }

  /** Works on a place; the caller reports the result, unless the place waits. */
  async visit(place: Place): Promise<HookResult> {
    const work = new PlaceWork(place);
    try {
      await this.#deps.recovery.begin(work);
    } catch (error) {
      this.#reportNow(work);
      throw error;
    }
    if (work.waitMs !== null) this.#waiting.push(work);
    const result = this.#resultFor(work);
    this.#looked ||= result.action !== "skip";
    return result;
  }

  async visitAndReport(place: Place): Promise<HookResult> {
    const result = await this.visit(place);
    const work = this.workOf(result) as PlaceWork;
    if (work.waitMs === null) this.#reportNow(work);
    return result;
  }

  /** All of them, several at a time; throws the first failure after the others have ended. */
  async visitAll(places: readonly Place[]): Promise<HookResult[]> {
    const slots = pLimit(this.#deps.config.concurrency);
    const ends = await Promise.allSettled(places.map((place) => slots(() => this.visitAndReport(place))));
    return ends.map((end) => {
      if (end.status === "rejected") throw end.reason;
      return end.value;
    });
  }

  /** Goes on with the places that wait, until none does. */
  async finishWaiting(): Promise<void> {
    const { budget, config, recovery } = this.#deps;
    const waiting = this.#waiting;
    const slots = pLimit(config.concurrency);
    while (waiting.length > 0) {
      // Without a time limit no wait is as long as GitLab's minute.
      if (config.timeLimit === null) budget.stop("rate-limit");
      await budget.pause(Math.min(...waiting.map((work) => work.waitMs ?? 0)));
      const now = waiting.splice(0);
      const ends = await Promise.allSettled(now.map((work) => slots(() => recovery.goOn(work))));
      now.forEach((work, index) => {
        if (ends[index]?.status === "rejected" || work.waitMs !== null) waiting.push(work);
        else this.#reportNow(work);
      });
      const failed = ends.find((end) => end.status === "rejected");
      if (failed) throw failed.reason;
    }
  }

  /** Reports the places that still wait at the end of the run. */
  reportWaiting(): void {
    for (const work of this.#waiting) this.#reportNow(work);
  }

  #resultFor(work: PlaceWork): HookResult {
    const result = work.result(this.#deps.config);
    this.#works.set(result, work);
    return result;
  }

  #reportNow(work: PlaceWork): void {
    this.#deps.report(this.#resultFor(work), work);
  }
}
