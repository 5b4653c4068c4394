/** The recoveries of the settings: which way each takes, what it is told of, and what it tells the metrics. */
import { join } from "node:path";
import { createTransport } from "../../lib/gitlab/transport.ts";
import type { Clock } from "../../lib/clock.ts";
import { own } from "../../lib/json.ts";
import type { Log } from "../../lib/log.ts";
import { gitlabNamed, type GitlabSettings } from "../config/gitlab.ts";
import type { Config } from "../config/schema.ts";
import { recoveriesOf, type RecoverySettings } from "../config/recovery.ts";
import { DEFAULT_INSTANCE } from "../event/event.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { RecoveryNotes } from "../storage/recovery-notes.ts";
import { createChildRunner } from "./child.ts";
import { registerRecovery } from "./metrics.ts";
import { createPipelineRunner } from "./pipeline.ts";
import { Recoveries } from "./recoveries.ts";
import type { RecoveryRunner } from "./runner.ts";
import { SelfRecovery } from "./self-recovery.ts";

export interface OpenRecoveriesDeps {
  /** The settings in force. Who recovers is read once, secrets anew for each run. */
  readonly config: () => Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Hides secrets. */
  readonly mask: (text: string) => string;
  readonly metrics: Metrics;
  /** What is noted about one GitLab. */
  readonly openNotes: (instance: string) => Promise<RecoveryNotes>;
  /** Program and first arguments of the installer. */
  readonly program: readonly string[];
  readonly isReady: () => boolean;
}

/** To be begun before the relay takes webhooks. Null: the settings name no GitLab to recover from. */
export async function openRecoveries(deps: OpenRecoveriesDeps): Promise<Recoveries | null> {
  const settings = recoveriesOf(deps.config());
  if (settings.length === 0) return null;
  const onRun = registerRecovery(
    deps.metrics.registry,
    settings.map(({ instance }) => instance),
  );
  const all = new Map<string, SelfRecovery>();
  for (const recovery of settings) {
    const { instance } = recovery;
    const self = new SelfRecovery({
      ...deps,
      notes: await deps.openNotes(instance),
      log: instance === DEFAULT_INSTANCE ? deps.log : deps.log.child({ instance }),
      runner: runnerOf(recovery, deps),
      onRun: (run) => onRun(instance, run),
    });
    all.set(instance, self);
  }
  const recoveries = new Recoveries(all);
  deps.metrics.onRequest((status, _durationMs, instance) => {
    if (status === "unavailable") recoveries.noteUnavailable(instance);
  });
  return recoveries;
}

function runnerOf(recovery: RecoverySettings, deps: OpenRecoveriesDeps): RecoveryRunner {
  const { group, pipeline, instance } = recovery;
  if (pipeline !== undefined) {
    const transport = createTransport(deps.env);
    return createPipelineRunner({ ...deps, transport, recovery: { ...recovery, pipeline } });
  }
  const folder = join(deps.config().queue.fs.base, "recovery");
  return createChildRunner({
    command: deps.program,
    env: deps.env,
    folder: instance === DEFAULT_INSTANCE ? folder : join(folder, instance),
    // The schema sees to it that one of the two is there.
    recovery: { ...recovery, group: group as string },
    gitlab: secretsOf(instance, deps.config),
    mask: deps.mask,
  });
}

/** The secrets in force; of a GitLab that a reload took out of the settings, the last ones. */
function secretsOf(instance: string, config: () => Config): () => GitlabSettings {
  let last = gitlabNamed(config(), instance);
  return () => {
    const { gitlab, instances } = config();
    last = instance === DEFAULT_INSTANCE ? gitlab : (own(instances, instance) ?? last);
    return last;
  };
}
