/** The recovery of the settings: which way it takes, what it is told of, and what it tells the metrics. */
import { join } from "node:path";
import { createTransport } from "../../lib/gitlab/transport.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import { gitlabNamed } from "../config/gitlab.ts";
import type { Config } from "../config/schema.ts";
import type { RecoverySettings } from "../config/recovery.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { RecoveryNotes } from "../storage/recovery-notes.ts";
import { createChildRunner } from "./child.ts";
import { registerRecovery } from "./metrics.ts";
import { createPipelineRunner } from "./pipeline.ts";
import type { RecoveryRunner } from "./runner.ts";
import { SelfRecovery } from "./self-recovery.ts";

export interface OpenRecoveryDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Hides secrets. */
  readonly mask: (text: string) => string;
  readonly metrics: Metrics;
  readonly notes: RecoveryNotes;
  /** Program and first arguments of the installer. */
  readonly program: readonly string[];
  readonly isReady: () => boolean;
}

/** To be begun before the relay takes webhooks. */
export function openSelfRecovery(
  config: Config,
  recovery: RecoverySettings,
  deps: OpenRecoveryDeps,
): SelfRecovery {
  const onRun = registerRecovery(deps.metrics.registry);
  const self = new SelfRecovery({ ...deps, runner: runnerOf(config, recovery, deps), onRun });
  deps.metrics.onRequest((status) => {
    if (status === "unavailable") self.noteUnavailable();
  });
  return self;
}

function runnerOf(config: Config, recovery: RecoverySettings, deps: OpenRecoveryDeps): RecoveryRunner {
  const { group, pipeline } = recovery;
  if (pipeline !== undefined) {
    const transport = createTransport(deps.env);
    return createPipelineRunner({ ...deps, transport, recovery: { ...recovery, pipeline } });
  }
  return createChildRunner({
    command: deps.program,
    env: deps.env,
    folder: join(config.queue.fs.base, "recovery"),
    // The schema sees to it that one of the two is there.
    recovery: { ...recovery, group: group as string },
    gitlab: gitlabNamed(config, recovery.instance),
    mask: deps.mask,
  });
}
