/** Settings of the relay's own recovery, one for each GitLab: where it is, and who fetches back what it could not deliver. */
import { z } from "zod";
import { DEFAULT_INSTANCE } from "../event/event.ts";
import { atLeastOne, httpUrl, secret } from "../../lib/fields.ts";

const pipeline = z.strictObject({
  project: z.string().min(1).describe("Project with the pipeline schedule: full path or id"),
  description: z
    .string()
    .min(1)
    .default("gitlab-hook-relay")
    .describe("Description of the schedule, as the command `schedule` sets it"),
});

const ways = {
  tokens: z
    .array(secret(z.string().min(1)))
    .min(1)
    .describe("Access tokens with the scope api; when one is refused or used up, the next one takes over"),
  group: z
    .string()
    .min(1)
    .optional()
    .describe("Group whose hooks' logs are read, as full path or id: the relay runs `recover` itself"),
  pipeline: pipeline
    .optional()
    .describe("In place of group: the relay starts the scheduled pipeline that runs `recover`"),
  webhookUrl: httpUrl
    .optional()
    .describe(
      "Address of the relay in the hooks, as given to `install`; without it hooks are known by their fingerprint",
    ),
  timeLimitSeconds: atLeastOne
    .max(86_400)
    .default(3000)
    .describe("Seconds that one run may take; what GitLab's limits leave over is for the next run"),
};

function oneWay(
  { group, pipeline: scheduled }: { readonly group?: unknown; readonly pipeline?: unknown },
  context: z.RefinementCtx,
): void {
  if ((group === undefined) === (scheduled === undefined))
    context.addIssue({ code: "custom", message: "needs either group or pipeline" });
}

export const recoverySettings = z
  .strictObject({
    instance: z
      .string()
      .default(DEFAULT_INSTANCE)
      .describe("The GitLab that is recovered from, by its name in instances: its secrets are used"),
    url: httpUrl.describe("Address of the GitLab, such as https://gitlab.example.com"),
    ...ways,
  })
  .superRefine(oneWay);

/** As `recovery`, for the instance that it is part of. */
export const instanceRecoverySettings = z
  .strictObject({
    url: httpUrl.optional().describe("Address of this GitLab; without it, the url of the instance"),
    ...ways,
  })
  .superRefine(oneWay);

export type RecoverySettings = z.output<typeof recoverySettings>;
type InstanceRecoverySettings = z.output<typeof instanceRecoverySettings>;

interface RecoverableConfig {
  readonly recovery?: RecoverySettings | undefined;
  readonly instances: Readonly<
    Record<
      string,
      { readonly url?: string | undefined; readonly recovery?: InstanceRecoverySettings | undefined }
    >
  >;
}

/** How each GitLab is recovered from, that of `recovery` first. The schema lets none be named twice, nor be without its address. */
export function recoveriesOf({ recovery, instances }: RecoverableConfig): RecoverySettings[] {
  const own = Object.entries(instances).flatMap(([instance, { url, recovery: settings }]) =>
    settings === undefined ? [] : [{ ...settings, instance, url: (settings.url ?? url) as string }],
  );
  return recovery === undefined ? own : [recovery, ...own];
}
