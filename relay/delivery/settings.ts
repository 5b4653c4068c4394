/** The part of a target's settings that delivery reads, whatever the target is: how many attempts, how often, how long. */
import { z } from "zod";
import { atLeastOne, positive } from "../../lib/fields.ts";

const retry = z.strictObject({
  maxAttempts: atLeastOne.default(25).describe("Attempts after which a delivery becomes a dead letter"),
  maxAgeSeconds: positive
    .default(259_200)
    .describe("Age in seconds, from the first attempt, after which a delivery becomes a dead letter"),
  baseSeconds: positive
    .default(1)
    .describe(
      "Ceiling of the first wait in seconds; it doubles with each attempt, the wait is drawn evenly below it",
    ),
  statuses: z
    .array(z.number().int().min(400).max(499))
    .default([])
    .describe(
      "Statuses from 400 to 499 that are tried again too, such as [404] behind a proxy that restarts",
    ),
  capSeconds: positive.default(3600).describe("Greatest wait between two attempts in seconds"),
});

export const deliveryFields = {
  timeoutSeconds: positive.max(3600).default(10).describe("Longest duration of one attempt in seconds"),
  concurrency: atLeastOne.max(1024).default(16).describe("Attempts under way at once"),
  rateLimit: z
    .strictObject({
      requests: atLeastOne.describe("Attempts that may start in each period"),
      perSeconds: positive.default(1).describe("Length of the period in seconds"),
    })
    .optional()
    .describe("Most attempts in a period; waiting for it uses up no attempt"),
  ordering: z
    .enum(["none", "project"])
    .default("none")
    .describe("project: the events of a project go one after another, a dead letter lets the next one go"),
  retry: retry.prefault({}),
  breaker: z
    .strictObject({
      failures: atLeastOne.default(10).describe("Failures in a row that open it"),
      cooldownSeconds: positive.default(30).describe("Seconds until a probe is let through"),
    })
    .prefault({})
    .describe("Stops attempts on a target that keeps failing; waiting for it uses up no attempt"),
};

const deliverySettings = z.object({ type: z.string(), ...deliveryFields });

export type RetrySettings = z.output<typeof retry>;
/** What a worker needs to know of its target's settings. */
export type DeliverySettings = z.output<typeof deliverySettings>;
