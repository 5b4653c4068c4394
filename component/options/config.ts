/** What the commands work with: every option as its checked value, and the secrets. */
import { z } from "zod";
import { OPTIONS, type Key, type TABLE } from "./table.ts";

/** The schema of all options together. */
export const optionsSchema = z.strictObject(
  Object.fromEntries(OPTIONS.map((row) => [row.key, row.schema.describe(row.description)])) as unknown as {
    [K in Key]: (typeof TABLE)[K]["schema"];
  },
);

export type InstallerOptions = z.output<typeof optionsSchema>;

/** First of each kind, as hooks are written with it; null if none is set. */
export interface HookSecrets {
  readonly secretToken: string | null;
  readonly signingToken: string | null;
  readonly masterSecret: string | null;
}

export interface InstallerConfig extends InstallerOptions {
  readonly gitlabTokens: readonly string[];
  readonly secrets: HookSecrets;
  /** `dryRun` is true because of the pipeline, not because it was asked for. */
  readonly dryRunForced: boolean;
}
