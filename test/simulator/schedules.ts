/** A pipeline schedule as the simulated database holds it. */
import type { User } from "./model.ts";

export interface ScheduleVariable {
  readonly key: string;
  value: string;
  variableType: "env_var" | "file";
}

export interface ScheduledPipeline {
  readonly id: number;
  /** Wall clock, milliseconds. */
  readonly createdAt: number;
  /** Changed by tests. */
  status: "created" | "running" | "success" | "failed";
  readonly jobs: { readonly name: string; status: "success" | "failed"; readonly allowFailure: boolean }[];
}

export interface Schedule {
  readonly id: number;
  readonly createdAt: number;
  updatedAt: number;
  description: string;
  ref: string;
  cron: string;
  cronTimezone: string;
  active: boolean;
  owner: User;
  readonly variables: Map<string, ScheduleVariable>;
  readonly inputs: Map<string, unknown>;
  readonly pipelines: ScheduledPipeline[];
}
