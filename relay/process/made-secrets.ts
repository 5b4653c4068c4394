/**
 * The secrets of a relay that was given none: a secret token for webhooks and an admin token, made at the first start and kept in
 * the storage, so that nothing is ever open and nothing needs to be configured.
 */
import { randomBytes } from "node:crypto";
import { ConfigError, UpstreamError } from "../../lib/errors.ts";
import type { Log, Secrets } from "../../lib/log.ts";
import type { Config } from "../config/schema.ts";
import type { KeptSecret, SharedSecrets } from "../storage/secrets.ts";

const WEBHOOK_SECRET = "webhook-secret";
export const ADMIN_TOKEN = "admin-token";
const SESSION_SALT = "session-salt";

export interface MadeSecrets {
  /** The settings with what was made. */
  readonly config: Config;
  /** Null if the settings have one. */
  readonly webhookSecret: KeptSecret | null;
  readonly adminToken: KeptSecret | null;
}

interface Deps {
  readonly shared: SharedSecrets;
  readonly secrets: Secrets;
  readonly log: Log;
}

/** True if webhooks of `gitlab` could not be authenticated at all. */
function needsWebhookSecret(gitlab: Config["gitlab"]): boolean {
  return gitlab.secretTokens.length === 0 && gitlab.signingTokens.length === 0 && gitlab.masterSecret === "";
}

/**
 * Null if the settings have one, or other GitLabs alone send webhooks. One that was made before those were named is accepted on: a
 * GitLab that has it must not be refused because another one joined.
 */
async function webhookSecretOf({ gitlab, instances }: Config, deps: Deps): Promise<KeptSecret | null> {
  if (!needsWebhookSecret(gitlab)) return null;
  const others = Object.values(instances);
  const made = others.length === 0 ? null : await deps.shared.find(WEBHOOK_SECRET);
  const isUnused = made === null || others.some(({ secretTokens }) => secretTokens.includes(made));
  if (others.length > 0 && isUnused) return null;
  return kept(WEBHOOK_SECRET, "GITLAB_WEBHOOK_SECRET", deps);
}

/**
 * Fills in what the settings leave out. Rejects with a ConfigError if the folder does not permit it, with an UpstreamError
 * if Redis is out of reach.
 */
export async function withMadeSecrets(config: Config, deps: Deps): Promise<MadeSecrets> {
  const { gitlab, admin } = config;
  const webhookSecret = await webhookSecretOf(config, deps);
  const adminToken = admin.token === "" ? await kept(ADMIN_TOKEN, "RELAY_ADMIN_TOKEN", deps) : null;
  tell(
    webhookSecret,
    "secret",
    Object.keys(config.instances).length === 0
      ? "webhooks must carry the secret token in this file, as no other is configured"
      : "webhooks of the GitLab that has no entry in instances must carry the secret token in this file",
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

/** What sessions are signed with beside the admin token, made if there is none. Rejects as ensure() does. */
export async function sessionSalt(shared: SharedSecrets): Promise<string> {
  return (await shared.ensure(SESSION_SALT, () => randomBytes(16).toString("base64url"))).value;
}

/**
 * Makes the salt at the start, so that a folder that permits none is told then and not at the first login, which asks again if the
 * storage is out of reach for now. Rejects with a ConfigError if the folder does not permit it.
 */
export async function prepareSessions(shared: SharedSecrets): Promise<void> {
  try {
    await sessionSalt(shared);
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
  }
}

async function kept(name: string, variable: string, { shared, secrets }: Deps): Promise<KeptSecret> {
  try {
    const secret = await shared.ensure(name, () => randomBytes(32).toString("base64url"));
    secrets.add([secret.value]);
    return secret;
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

function tell(secret: KeptSecret | null, name: "secret" | "admin-token", note: string, { log }: Deps): void {
  if (secret === null) return;
  const fields = { file: secret.place, note };
  if (name === "secret") log.info(secret.isNew ? "secret.generated" : "secret.found", fields);
  else log.info(secret.isNew ? "admin-token.generated" : "admin-token.found", fields);
}
