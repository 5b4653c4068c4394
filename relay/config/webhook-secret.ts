/**
 * The secret token of a relay that was given none: made at the first start, kept in the data folder, so that the very first
 * webhook is authenticated without anybody having configured anything.
 */
import { randomBytes } from "node:crypto";
import { link, mkdir, open, readFile, unlink } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError, messageOf, systemCode } from "../../lib/errors.ts";
import type { Config } from "./schema.ts";

export const SECRET_FILE = "webhook-secret";

export interface WebhookSecret {
  readonly path: string;
  readonly secret: string;
  readonly isNew: boolean;
}

/** True where webhooks could not be authenticated at all. */
export function needsWebhookSecret(gitlab: Config["gitlab"]): boolean {
  return gitlab.secretTokens.length === 0 && gitlab.signingTokens.length === 0 && gitlab.masterSecret === "";
}

/**
 * The secret in `<folder>/webhook-secret`, made if it is not there: mode 0600, whole or not at all, on stable storage when this
 * resolves. Two relays that make it at once end up with the same one. Rejects with a ConfigError where the folder or the file
 * does not permit it.
 */
export async function webhookSecret(folder: string): Promise<WebhookSecret> {
  const path = join(folder, SECRET_FILE);
  try {
    const isNew = !(await exists(path)) && (await make(folder, path));
    const secret = (await readFile(path, "utf8")).trim();
    if (secret === "") throw new Error("it is empty; remove it to have a new one made");
    return { path, secret, isNew };
  } catch (error) {
    throw new ConfigError([
      {
        path,
        message: `cannot keep a webhook secret here (${messageOf(error)}); set GITLAB_WEBHOOK_SECRET, or make the folder writable`,
      },
    ]);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await readFile(path);
    return true;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw error;
  }
}

/** False where somebody else was quicker. */
async function make(folder: string, path: string): Promise<boolean> {
  await mkdir(folder, { recursive: true });
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(`${randomBytes(32).toString("base64url")}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(temporary, path);
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
    return false;
  } finally {
    await unlink(temporary);
  }
  const directory = await open(folder, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
  return true;
}
