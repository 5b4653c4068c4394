/** The relay's settings, its storage and its targets, as a start would find them. */
import { messageOf } from "../../lib/errors.ts";
import { silentLog, type Secrets } from "../../lib/log.ts";
import { unknownVariables } from "../../lib/variables.ts";
import type { Config } from "../../relay/config/schema.ts";
import type { CliWorld } from "../world.ts";
import { fail, ok, skip, warn, type Diagnosis } from "./diagnosis.ts";
import { reach } from "./network.ts";

/** Milliseconds of a sync from which GitLab's ten seconds come near under load. */
const SLOW_SYNC_MS = 50;

/** The settings, null if they are refused. */
export async function settingsDiagnoses(
  file: string | null,
  world: CliWorld,
  secrets: Secrets,
): Promise<{ readonly config: Config | null; readonly findings: readonly Diagnosis[] }> {
  const { loadRelaySettings, secretsOf } = await import("../../relay/config/load.ts");
  const loaded = loadRelaySettings({ file, env: world.env, readFile: world.readFile });
  if (!loaded.ok) {
    const findings = loaded.error.problems.map(({ path, message }) =>
      fail(
        "settings",
        path === "" ? message : `${path}: ${message}`,
        "correct it; docs/configuration.md lists all settings",
      ),
    );
    return { config: null, findings };
  }
  const { config } = loaded.settings;
  secrets.add(secretsOf(config));
  const { secretAdvice, signatureAdvice } = await import("../../relay/config/advice.ts");
  const advice = [...secretAdvice(config), ...signatureAdvice(config)];
  const source = loaded.settings.file ?? "no file, environment only";
  return {
    config,
    findings: [
      ok("settings", `valid (${source})`),
      ...variableDiagnoses(world),
      ...advice.map(({ path, message }) =>
        warn(path, message, "change it; docs/configuration.md says what each setting is for"),
      ),
    ],
  };
}

function variableDiagnoses({ env }: CliWorld): Diagnosis[] {
  return unknownVariables(env).map(({ name, nearest }) =>
    warn("environment", `${name} is not known`, `rename it (did you mean ${nearest}?) or remove it`),
  );
}

/** Looks at the place of the queue while a relay may be using it. */
export async function storageDiagnoses(config: Config, world: CliWorld): Promise<readonly Diagnosis[]> {
  const { createStorageDriver } = await import("../../relay/storage/open.ts");
  const storage = await createStorageDriver({
    clock: world.clock,
    log: silentLog,
    random: world.random,
    onSync: () => {},
    settings: () => config.queue,
  });
  const { checks, syncMs } = await storage.probe();
  await storage.close();
  const wrong = checks.filter((check) => !check.ok);
  if (wrong.length > 0)
    return wrong.map(({ name, detail }) =>
      fail(
        "storage",
        `${name}: ${detail}`,
        "webhooks get 503 until it is cured; docs/operations.md and docs/redis.md say how",
      ),
    );
  const took = syncMs === null ? "" : `; a durable write takes ${syncMs.toFixed(1)} ms`;
  if (syncMs !== null && syncMs > SLOW_SYNC_MS)
    return [
      warn(
        "storage",
        `slow${took}`,
        "move the queue to a local SSD, or a Redis that is near: every webhook waits for this",
      ),
    ];
  return [ok("storage", `${checks.map(({ detail }) => detail).join("; ")}${took}`)];
}

/** What a start finds of the targets, and whether their addresses can be reached. */
export async function targetDiagnoses(config: Config, world: CliWorld): Promise<readonly Diagnosis[]> {
  const { targetProblems } = await import("../../relay/targets/registry.ts");
  const targets = Object.entries(config.targets);
  if (targets.length === 0)
    return [
      warn(
        "targets",
        "none is configured: events are kept and delivered nowhere",
        "set RELAY_TARGET_URL, or targets in relay.yaml",
      ),
    ];
  const problems = await targetProblems(config.targets, {
    clock: world.clock,
    log: silentLog,
    env: world.env,
  });
  const refused = problems.map(({ path, message }) => fail(path, message, "correct the target's settings"));
  const reached = await Promise.all(
    targets.map(async ([name, settings]) => {
      const subject = `target ${name}`;
      if (refused.some((finding) => finding.subject.startsWith(`targets.${name}.`))) return [];
      if (!("url" in settings) || !URL.canParse(settings.url))
        return [ok(subject, `of type ${settings.type}`)];
      const ca = "tls" in settings ? settings.tls?.caFile : undefined;
      try {
        const pem = ca === undefined ? undefined : world.readFile(ca);
        return [await reach({ subject, url: new URL(settings.url), ca: pem }, world.env, world.clock.now())];
      } catch (error) {
        return [skip(subject, messageOf(error))];
      }
    }),
  );
  return [...refused, ...reached.flat()];
}
