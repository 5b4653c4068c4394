/** Replay jobs of the admin API as schemas. */
import { z } from "zod";
import { PARTS } from "./schema-parts.ts";

const { time, timeOrNull, numberOrNull, count } = PARTS;

export const replayCountSchema = z.object({
  text: z.string().describe("In words"),
  events: count,
  deliveries: count,
  byTarget: z.record(z.string(), count).describe("Deliveries to each target"),
  isWhole: z.boolean().describe("False: there are at least so many"),
});
export const replaySchema = z.object({
  id: z.string(),
  state: z.enum(["running", "paused", "done", "cancelled"]),
  createdAt: time,
  createdBy: z.string(),
  endedAt: timeOrNull,
  filter: z.looseObject({}).describe("As it was given, times fixed"),
  targets: z.array(z.string()).nullable().describe("Null: the targets that failed"),
  rate: numberOrNull.describe("Deliveries queued per second, at most"),
  matched: replayCountSchema.describe("When the job was made"),
  progress: z.object({
    queued: count,
    delivered: count,
    failed: count.describe("Dead letters again"),
    open: count.describe("Queued, and neither delivered nor dead"),
    gone: count.describe("Removed, expired, or delivered by something else before its turn came"),
    remaining: count.describe("Not queued yet"),
    cancelled: count.describe("Not queued when the job was cancelled"),
  }),
  parts: z.array(
    z.object({
      target: z.string(),
      queued: count,
      delivered: count,
      failed: count,
      isQueued: z.boolean().describe("Nothing is left to queue"),
    }),
  ),
});
export const replayListSchema = z.object({ replays: z.array(replaySchema).describe("Newest first") });
