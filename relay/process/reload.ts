/** Other settings while the relay runs: all of them are put in force in one step, or none. */
import { isDeepStrictEqual } from "node:util";
import { ConfigError, messageOf } from "../../lib/errors.ts";
import { own } from "../../lib/json.ts";
import type { RootLog, Secrets } from "../../lib/log.ts";
import { restartPaths, secretsOf, withoutRestart } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import type { DeliveryWorkers } from "../delivery/workers.ts";
import { compileIngest } from "../ingest/rules.ts";
import type { Queue } from "../queue/queue.ts";
import type { Routing } from "../routing/routing.ts";
import type { SharedSecrets } from "../storage/secrets.ts";
import { targetProblems, type RegistryDeps, type TargetSettings } from "../targets/registry.ts";

import type { CurrentSettings } from "./current-settings.ts";
import { withMadeSecrets, type MadeSecrets } from "./made-secrets.ts";

export interface ReloadDeps {
  readonly current: CurrentSettings;
  readonly queue: Pick<Queue, "setRouting">;
  readonly routing: Routing;
  readonly delivery: Pick<DeliveryWorkers<TargetSettings>, "prepare">;
  readonly targets: RegistryDeps;
  readonly shared: SharedSecrets;
  readonly secrets: Secrets;
  readonly log: RootLog;
  readonly isStopping: () => boolean;
}

export interface ReloadOptions {
  /** Makes targets anew whose settings stay the same. */
  readonly anew: boolean;
}

/**
 * Puts `next` in force, but for what only a restart changes.
 * Rejects with a ConfigError that names everything in the way; nothing has changed then.
 */
export async function reload(next: Config, { anew }: ReloadOptions, deps: ReloadDeps): Promise<void> {
  const { current, shared, secrets, log } = deps;
  const waiting = restartPaths(current.written(), next);
  const wanted = withoutRestart(current.written(), next);
  const made = await withMadeSecrets(wanted, { shared, secrets, log });
  try {
    await putInForce(made, { anew }, deps);
  } catch (error) {
    throw error instanceof ConfigError ? error : new ConfigError([{ path: "", message: messageOf(error) }]);
  }
  current.note(wanted, waiting);
  if (waiting.length > 0) log.warn("settings.restart-needed", { paths: waiting });
}

/** Makes everything first. The queue is the only one that may refuse the step, so that it comes before all others. */
async function putInForce(made: MadeSecrets, { anew }: ReloadOptions, deps: ReloadDeps): Promise<void> {
  const { current, queue, routing, delivery, secrets, log } = deps;
  const { config: next } = made;
  const present = current.config().targets;
  const changed = Object.entries(next.targets).filter(
    ([name, target]) => anew || !isDeepStrictEqual(target, own(present, name)),
  );
  const problems = await targetProblems(Object.fromEntries(changed), deps.targets);
  if (problems.length > 0) throw new ConfigError(problems);
  if (deps.isStopping()) return;
  const rules = compileIngest(next);
  const router = routing.routerFor(next);
  const targets = delivery.prepare(next.targets, { anew });
  try {
    queue.setRouting(router, Object.keys(next.targets));
  } catch (error) {
    await targets.discard();
    throw error;
  }
  secrets.add(secretsOf(next));
  secrets.setPatterns(next.mask.patterns);
  current.use(made, rules);
  log.setLevel(next.log.level);
  targets.commit();
}
