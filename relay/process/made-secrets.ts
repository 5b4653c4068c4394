/**
 * The secrets of a relay that was given none: a secret token for webhooks and an admin token, made at the first start and kept in
 * the storage, so that nothing is ever open and nothing needs to be configured.
 */
import { randomBytes } from "node:crypto";
import { ConfigError } from "../../lib/errors.ts";
import type { Log, Secrets } from "../../lib/log.ts";
import type { Config } from "../config/schema.ts";
import type { KeptSecret, SharedSecrets } from "../storage/secrets.ts";

export const WEBHOOK_SECRET = "webhook-secret";
export const ADMIN_TOKEN = "admin-token";

export interface MadeSecrets {
  /** The settings with what was made. */
  readonly config: Config;
  /** Null where the settings have one. */
  readonly webhookSecret: KeptSecret | null;
  readonly adminToken: KeptSecret | null;
}

interface Deps {
  readonly shared: SharedSecrets;
  readonly secrets: Secrets;
  readonly log: Log;
}

/** True where webhooks could not be authenticated at all. */
export function needsWebhookSecret(gitlab: Config["gitlab"]): boolean {
  return gitlab.secretTokens.length === 0 && gitlab.signingTokens.length === 0 && gitlab.masterSecret === "";
}

/**
 * Fills in what the settings leave out. Rejects with a ConfigError where the folder does not permit it, with an UpstreamError
 * where Redis is out of reach.
 */
export async function withMadeSecrets(config: Config, deps: Deps): Promise<MadeSecrets> {
  const { gitlab, admin } = config;
  const webhookSecret = needsWebhookSecret(gitlab)
    ? await ensure(WEBHOOK_SECRET, "GITLAB_WEBHOOK_SECRET", deps)
    : null;
  const adminToken = admin.token === "" ? await ensure(ADMIN_TOKEN, "RELAY_ADMIN_TOKEN", deps) : null;
  tell(
    webhookSecret,
    "secret",
    "webhooks must carry the secret token in this file, as no other is configured",
    deps,
  );
  tell(
    adminToken,
    "admin-token",
    "dashboard and admin API ask for the token in this file; set RELAY_ADMIN_TOKEN to choose one",
    deps,
  );
  return {
    webhookSecret,
    adminToken,
    config: {
      ...config,
      gitlab: webhookSecret === null ? gitlab : { ...gitlab, secretTokens: [webhookSecret.value] },
      admin: adminToken === null ? admin : { ...admin, token: adminToken.value },
    },
  };
}

async function ensure(name: string, variable: string, { shared, secrets }: Deps): Promise<KeptSecret> {
  try {
    const kept = await shared.ensure(name, () => randomBytes(32).toString("base64url"));
    secrets.add([kept.value]);
    return kept;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(
      error.problems.map(({ path, message }) => ({
        path,
        message: `${message}; set ${variable}, or make the folder writable`,
      })),
    );
  }
}

function tell(kept: KeptSecret | null, name: "secret" | "admin-token", note: string, { log }: Deps): void {
  if (kept === null) return;
  const fields = { file: kept.place, note };
  if (name === "secret") log.info(kept.isNew ? "secret.generated" : "secret.found", fields);
  else log.info(kept.isNew ? "admin-token.generated" : "admin-token.found", fields);
}
