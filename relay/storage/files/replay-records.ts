/**
 * Replay jobs as the journal of one process holds them, and the same in memory: under `replays:<id>` what a job is and its state, under
 * `replays:<id>:<target>` how far it is with a target, with the queued deliveries that have not ended. A part is small, as the runner
 * bounds how many those are, and is written again with each step.
 */
import { jsonOrNull } from "../../../lib/json.ts";
import type { ReplayJob, ReplayPart, ReplayPlan, ReplayState } from "../../queue/replay-job.ts";
import { freshPart } from "../../queue/replay-set.ts";
import type { Operation } from "../journal/types.ts";
import { PREFIX } from "./records.ts";

/** A queued delivery: the event and the number of the replay. */
export type ReplayRef = readonly [id: string, replay: number];

export interface PartRecord extends ReplayPart {
  readonly open: readonly ReplayRef[];
}

export interface JobRecord {
  readonly plan: ReplayPlan;
  readonly state: ReplayState;
  readonly endedAt: number | null;
}

export class ReplayRecords {
  readonly #jobs = new Map<string, JobRecord>();
  /** By key. */
  readonly #parts = new Map<string, PartRecord>();

  /** Takes in what the journal holds, in any order. */
  restore(rest: string, value: Uint8Array): void {
    const record = jsonOrNull(Buffer.from(value).toString("utf8"));
    if (record === null) return;
    if (rest.includes(":")) this.#parts.set(PREFIX.replays + rest, record as PartRecord);
    else this.#jobs.set(rest, record as JobRecord);
  }

  forget(rest: string): void {
    if (rest.includes(":")) this.#parts.delete(PREFIX.replays + rest);
    else this.#jobs.delete(rest);
  }

  /** Newest first. */
  all(): JobRecord[] {
    return [...this.#jobs.values()].sort(
      ({ plan: a }, { plan: b }) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1),
    );
  }

  find(id: string): JobRecord | null {
    return this.#jobs.get(id) ?? null;
  }

  part(id: string, target: string): PartRecord {
    return this.#parts.get(partKey(id, target)) ?? { ...freshPart(target), open: [] };
  }

  keep(job: JobRecord): void {
    this.#jobs.set(job.plan.id, job);
  }

  keepPart(id: string, part: PartRecord): void {
    this.#parts.set(partKey(id, part.target), part);
  }

  drop({ plan }: JobRecord): void {
    this.#jobs.delete(plan.id);
    for (const target of plan.parts) this.#parts.delete(partKey(plan.id, target));
  }

  view({ plan, state, endedAt }: JobRecord): ReplayJob {
    const parts = plan.parts.map((target): ReplayPart => {
      const { open: _, ...part } = this.part(plan.id, target);
      return part;
    });
    return { plan, state, endedAt, parts };
  }
}

export function writingOfJob(job: JobRecord): Operation {
  return { type: "set", key: PREFIX.replays + job.plan.id, value: bytesOf(job) };
}

export function writingOfPart(id: string, part: PartRecord): Operation {
  return { type: "set", key: partKey(id, part.target), value: bytesOf(part) };
}

/** What takes a job out of the journal. */
export function removalOfJob({ plan }: JobRecord): Operation[] {
  return [
    { type: "remove", key: PREFIX.replays + plan.id },
    ...plan.parts.map((target): Operation => ({ type: "remove", key: partKey(plan.id, target) })),
  ];
}

function partKey(id: string, target: string): string {
  return `${PREFIX.replays}${id}:${target}`;
}

function bytesOf(record: JobRecord | PartRecord): Buffer {
  return Buffer.from(JSON.stringify(record), "utf8");
}
