import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ConfigError } from "../../../lib/errors.ts";
import { needsWebhookSecret, SECRET_FILE, webhookSecret } from "../../../relay/config/webhook-secret.ts";
import { configOf } from "../../helpers/intake.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "relay-secret-"));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

test("webhookSecret() makes a secret once: 256 bits, readable by its owner alone, nothing left beside it", async () => {
  const made = await webhookSecret(join(folder, "a", "b"));
  expect(made).toMatchObject({ path: join(folder, "a", "b", SECRET_FILE), isNew: true });
  expect(Buffer.from(made.secret, "base64url")).toHaveLength(32);
  expect((await stat(made.path)).mode & 0o777).toBe(0o600);
  expect(await readFile(made.path, "utf8")).toBe(`${made.secret}\n`);
  expect(await readdir(join(folder, "a", "b"))).toEqual([SECRET_FILE]);
  expect(await webhookSecret(join(folder, "a", "b"))).toEqual({ ...made, isNew: false });
});

test("relays that make it at once end up with the same one", async () => {
  const all = await Promise.all(Array.from({ length: 20 }, () => webhookSecret(folder)));
  expect(new Set(all.map(({ secret }) => secret)).size).toBe(1);
  expect(all.filter(({ isNew }) => isNew)).toHaveLength(1);
  expect(await readdir(folder)).toEqual([SECRET_FILE]);
});

test("a secret that an operator put there is taken as it is", async () => {
  await writeFile(join(folder, SECRET_FILE), "chosen by hand\n");
  expect((await webhookSecret(folder)).secret).toBe("chosen by hand");
});

test.each([
  ["an empty file", async () => writeFile(join(folder, SECRET_FILE), " \n"), "it is empty"],
  ["a folder in its place", async () => void (await webhookSecret(join(folder, SECRET_FILE))), "EISDIR"],
])("%s is a ConfigError", async (_claim, prepare, message) => {
  await prepare();
  const failed = webhookSecret(folder);
  await expect(failed).rejects.toThrow(ConfigError);
  await expect(failed).rejects.toThrow(message);
  await expect(failed).rejects.toThrow("set GITLAB_WEBHOOK_SECRET");
});

test("needsWebhookSecret() only where nothing else could authenticate a webhook", () => {
  const needs = (gitlab: Record<string, unknown>): boolean => needsWebhookSecret(configOf({ gitlab }).gitlab);
  expect(needs({})).toBe(true);
  expect(needs({ secretTokens: ["x"] })).toBe(false);
  expect(needs({ signingTokens: [`whsec_${Buffer.alloc(32).toString("base64")}`] })).toBe(false);
  expect(needs({ masterSecret: "x" })).toBe(false);
});
