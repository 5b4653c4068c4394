/**
 * Has the scheduled pipeline run at once: the schedule gets the beginning of the window as its variable HOOKS_SINCE, is played, and
 * its newest pipeline is followed to the end. A pipeline takes its variables when it is created, so the schedule has its own value
 * back before the relay waits; a later scheduled run must not begin where this window did. A relay that ends in between leaves a point in
 * time there, which the next run takes for such a leftover and removes. GitLab's pipelines tell no counts. A job that a limit stopped is a failure that
 * the component allows, so the pipeline of an unfinished recovery is green: its jobs are asked.
 */
import { sleep, type Clock } from "../../lib/clock.ts";
import { UpstreamError, messageOf } from "../../lib/errors.ts";
import { createBudget, RunStopped } from "../../lib/gitlab/budget.ts";
import { createRest, type Rest } from "../../lib/gitlab/rest.ts";
import { createSender } from "../../lib/gitlab/sender.ts";
import type { Transport } from "../../lib/gitlab/transport.ts";
import { count, list, object, text } from "../../lib/json.ts";
import type { RecoverySettings } from "../config/recovery.ts";
import { NO_COUNTS, sinceOption, type RecoveryRun, type RecoveryRunner } from "./runner.ts";

const POLL_MS = 10_000;
const ENDED = new Set(["success", "failed", "canceled", "skipped"]);

export interface PipelineDeps {
  readonly clock: Clock;
  readonly random: () => number;
  readonly transport: Transport;
  readonly recovery: RecoverySettings & {
    readonly pipeline: { readonly project: string; readonly description: string };
  };
  readonly mask: (text: string) => string;
}

export function createPipelineRunner(deps: PipelineDeps): RecoveryRunner {
  return {
    async run(since, signal) {
      try {
        return await new PipelineRun(deps, signal).run(since);
      } catch (error) {
        if (signal.aborted) return { outcome: "limited", text: "it was ended with the relay", ...NO_COUNTS };
        if (error instanceof RunStopped)
          return { outcome: "limited", text: deps.mask(error.message), ...NO_COUNTS };
        if (!(error instanceof UpstreamError)) throw error;
        const isFinal = error.status === 401 || error.status === 403 || error.status === 404;
        return { outcome: isFinal ? "refused" : "failed", text: deps.mask(messageOf(error)), ...NO_COUNTS };
      }
    },
  };
}

class PipelineRun {
  readonly #deps: PipelineDeps;
  readonly #rest: Rest;
  readonly #base: string;
  readonly #until: number;
  readonly #signal: AbortSignal;

  constructor(deps: PipelineDeps, signal: AbortSignal) {
    const { clock, recovery } = deps;
    this.#deps = deps;
    this.#signal = signal;
    this.#until = clock.now() + recovery.timeLimitSeconds * 1000;
    const budget = createBudget({
      tokens: recovery.tokens,
      clock,
      timeLimitSeconds: recovery.timeLimitSeconds,
    });
    const send = createSender({ ...deps, budget, signal, addressName: "recovery.url" });
    this.#rest = createRest({ url: recovery.url, send });
    this.#base = `/projects/${encodeURIComponent(recovery.pipeline.project)}`;
  }

  async run(since: number): Promise<RecoveryRun> {
    const schedule = await this.#schedule();
    if (schedule === null) {
      const { project, description } = this.#deps.recovery.pipeline;
      const why = `${project} has no pipeline schedule with the description "${description}"`;
      return { outcome: "refused", text: why, ...NO_COUNTS };
    }
    const own = await this.#setSince(schedule, sinceOption(since));
    const before = await this.#newestPipeline(schedule);
    let pipeline: number | null;
    try {
      await this.#rest.post(`${schedule}/play`);
      pipeline = await this.#started(schedule, before);
    } finally {
      await this.#restoreSince(schedule, own);
    }
    if (pipeline === null)
      return { outcome: "limited", text: "the pipeline has not begun in time", ...NO_COUNTS };
    return this.#followed(pipeline);
  }

  /** Path of the schedule; null: there is none. */
  async #schedule(): Promise<string | null> {
    for await (const item of this.#rest.list(`${this.#base}/pipeline_schedules`)) {
      const { id, description } = object(item);
      if (description === this.#deps.recovery.pipeline.description)
        return `${this.#base}/pipeline_schedules/${String(count(id))}`;
    }
    return null;
  }

  /** Returns the value that the schedule had of its own; null: none. */
  async #setSince(schedule: string, value: string): Promise<string | null> {
    const { body } = await this.#rest.get(schedule);
    const before = list(object(body)["variables"])
      .map(object)
      .find((variable) => variable["key"] === "HOOKS_SINCE");
    if (before === undefined) {
      await this.#rest.post(`${schedule}/variables`, { key: "HOOKS_SINCE", value });
      return null;
    }
    await this.#rest.put(`${schedule}/variables/HOOKS_SINCE`, { value });
    const own = text(before["value"]);
    return own === null || isLeftover(own) ? null : own;
  }

  async #restoreSince(schedule: string, own: string | null): Promise<void> {
    const variable = `${schedule}/variables/HOOKS_SINCE`;
    if (own === null) await this.#rest.delete(variable);
    else await this.#rest.put(variable, { value: own });
  }

  /** Its id; 0: it never ran. The list is oldest first. */
  async #newestPipeline(schedule: string): Promise<number> {
    let newest = 0;
    for await (const item of this.#rest.list(`${schedule}/pipelines`))
      newest = Math.max(newest, count(object(item)["id"]) ?? 0);
    return newest;
  }

  /** The pipeline that playing the schedule made; null: none in time. */
  async #started(schedule: string, before: number): Promise<number | null> {
    while (this.#deps.clock.now() < this.#until) {
      await sleep(this.#deps.clock, POLL_MS, this.#signal);
      const newest = await this.#newestPipeline(schedule);
      if (newest !== before) return newest;
    }
    return null;
  }

  async #followed(pipeline: number): Promise<RecoveryRun> {
    for (;;) {
      const { body } = await this.#rest.get(`${this.#base}/pipelines/${pipeline}`);
      const status = text(object(body)["status"]);
      if (status !== null && ENDED.has(status)) return this.#judged(pipeline, status);
      if (this.#deps.clock.now() >= this.#until)
        return { outcome: "limited", text: "the pipeline has not ended in time", ...NO_COUNTS };
      await sleep(this.#deps.clock, POLL_MS, this.#signal);
    }
  }

  async #judged(pipeline: number, status: string): Promise<RecoveryRun> {
    const where = `pipeline ${pipeline} of ${this.#deps.recovery.pipeline.project}`;
    if (status !== "success") return { outcome: "failed", text: `${where} ended as ${status}`, ...NO_COUNTS };
    for await (const item of this.#rest.list(`${this.#base}/pipelines/${pipeline}/jobs`)) {
      const { name, status: jobStatus } = object(item);
      if (jobStatus === "failed")
        return { outcome: "limited", text: `job ${String(name)} of ${where} is unfinished`, ...NO_COUNTS };
    }
    return { outcome: "complete", text: `${where} succeeded`, ...NO_COUNTS };
  }
}

/** Whether a value of HOOKS_SINCE is one that sinceOption() wrote, and not a person's, such as `7d`. */
function isLeftover(value: string): boolean {
  const at = Date.parse(value);
  return !Number.isNaN(at) && new Date(at).toISOString() === value;
}
