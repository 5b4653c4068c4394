/**
 * What watches the relay while it runs: metrics, figures of the last hour and of each target, log lines per event, activity, the time
 * for which it was away, and what needs an operator.
 */
import { unknownVariables } from "../../lib/variables.ts";
import { sendingInstances } from "../config/gitlab.ts";
import type { DeliveryWorkers } from "../delivery/workers.ts";
import { startActivity, type Activity } from "../observe/activity/activity.ts";
import { registerActivityGauges } from "../observe/activity/gauges.ts";
import { createAlerts } from "../observe/alerts/alerts.ts";
import { situationOf } from "../observe/attention/situation.ts";
import { watchAttention, type AttentionWatch } from "../observe/attention/watch.ts";
import { startTraces, tracesEndpoint, traceIdIn } from "../observe/traces/traces.ts";
import { openAbsence, type Absence } from "../observe/downtime/downtime.ts";
import { startEventLog } from "../observe/event-log.ts";
import { healthOf, type Health } from "../observe/health.ts";
import { createMetrics, type Metrics } from "../observe/metrics.ts";
import { keepLastHour } from "../observe/hour/keep.ts";
import { createMinuteStats, type MinuteStats } from "../observe/hour/minute-stats.ts";
import {
  dueOfAll,
  MissWatch,
  recoveryDue,
  type InstanceDue,
  type RecoveryDue,
} from "../observe/recovery-due.ts";
import { createTargetBoard, type TargetBoard } from "../observe/target-status.ts";
import type { Check } from "../queue/queue.ts";
import { openRecoveries } from "../recovery/open.ts";
import type { Recoveries } from "../recovery/recoveries.ts";
import type { Routing } from "../routing/routing.ts";
import type { Closing } from "./closing.ts";
import type { CurrentSettings } from "./current-settings.ts";
import type { RelayDeps } from "./relay.ts";
import type { Stores } from "./stores.ts";

export interface Observers {
  readonly metrics: Metrics;
  readonly minutes: MinuteStats;
  readonly board: TargetBoard;
  readonly activity: Activity | null;
  readonly absence: Absence;
  readonly attention: AttentionWatch;
  /** Checks of readiness beside the queue's own. */
  readonly checks: () => readonly Check[];
  readonly health: () => Health;
  readonly recovery: () => RecoveryDue | null;
  /** Null unless the settings say how to recover. */
  readonly recoveries: Recoveries | null;
}

export interface ObserversDeps {
  readonly relay: RelayDeps;
  readonly stores: Stores;
  readonly current: CurrentSettings;
  readonly delivery: Pick<DeliveryWorkers<never>, "status" | "check">;
  readonly routing: Pick<Routing, "refusedFiles">;
  readonly isStopping: () => boolean;
}

/** Watches from now on, but for the absence and what needs attention, which begin once the relay listens. */
export async function startObservers(deps: ObserversDeps, closing: Closing): Promise<Observers> {
  const { stores, current, delivery } = deps;
  const { clock, log, env = {} } = deps.relay;
  const { queue } = stores;
  const now = (): number => clock.now();
  const checks = (): readonly Check[] => [
    delivery.check(),
    absence.check(),
    ...(deps.relay.checks?.() ?? []),
  ];
  const health = (): Health => healthOf({ queue, isStopping: deps.isStopping, own: checks });
  const activity = startActivityOf(stores, current, deps.relay);
  if (activity !== null) closing.add(() => activity.close());
  const eventLog = startEventLog({
    queue,
    log,
    now,
    isOn: () => ["info", "debug"].includes(current.config().log.level),
    traceIdOf: traceIdIn(env),
  });
  closing.add(() => eventLog.close());
  const url = tracesEndpoint(env);
  const { version, secrets } = deps.relay;
  const traces =
    url === null ? null : await startTraces(url, { queue, env, log, clock, version, mask: secrets.mask });
  if (traces !== null) closing.add(() => traces.close());
  const board = createTargetBoard({ queue, delivery, clock, config: current.config });
  const metrics = createMetrics({
    queue,
    now,
    targets: () =>
      board
        .list()
        .map(({ name, breaker, inFlight }) => ({ name, breakerOpen: breaker === "open", inFlight })),
    checks: () => health().checks,
    disk: () => stores.driver.disk(),
  });
  closing.add(() => metrics.close());
  closing.add(() => board.close());
  const { registry } = metrics;
  if (activity !== null)
    registerActivityGauges({
      registry,
      activity,
      now,
      settings: () => current.config().activity.prometheus,
    });
  const minutes = createMinuteStats(metrics, queue, clock);
  closing.add(() => minutes.close());
  const absence = await openAbsence({
    heartbeat: stores.heartbeat,
    clock,
    log,
    registry,
    isReady: () => health().status === "ready",
  });
  closing.add(() => absence.close());
  const { lastSeenAt, startedAt } = absence;
  const away = lastSeenAt === null ? null : { from: lastSeenAt, until: startedAt };
  const misses = new MissWatch(metrics, queue, { now, away });
  closing.add(() => misses.close());
  const hour = await keepLastHour({
    store: await stores.driver.openLastHour(),
    clock,
    log,
    parts: { webhooks: minutes, targets: board, misses },
  });
  closing.add(() => hour.close());
  const isReady = (): boolean => health().status === "ready";
  const recoveries = await recoveriesOf({ ...deps, metrics, isReady });
  if (recoveries !== null) closing.add(() => recoveries.close());
  const recovery = (): RecoveryDue | null => {
    const config = current.config();
    const byHand = sendingInstances(config).flatMap((instance): InstanceDue[] => {
      if (recoveries?.instances.has(instance) === true) return [];
      const due = recoveryDue(misses.of(instance), now());
      return due === null ? [] : [{ instance, ...due }];
    });
    return dueOfAll([...(recoveries?.due() ?? []), ...byHand], Object.keys(config.instances).length > 0);
  };
  const misspelt = unknownVariables(env);
  const alerts = createAlerts({
    queue,
    memory: stores.shared,
    clock,
    log,
    settings: () => current.config().alerts,
    mask: deps.relay.secrets.mask,
  });
  const attention = watchAttention({
    clock,
    log,
    registry,
    onList: (items) => void (deps.isStopping() ? null : alerts.update(items)),
    situation: async () =>
      situationOf({
        now: now(),
        checks: health().checks,
        stats: await queue.stats(),
        minutes,
        board,
        recovery: recovery(),
        settingsProblems: deps.relay.settingsProblems?.() ?? [],
        unknownVariables: misspelt,
        refusedFiles: deps.routing
          .refusedFiles()
          .map(({ projectId, at, error }) => ({ projectId, at, error: secrets.mask(error) })),
      }),
  });
  closing.add(() => attention.close());
  return { metrics, minutes, board, activity, absence, attention, checks, health, recovery, recoveries };
}

function startActivityOf(
  { queue, activity: store }: Stores,
  current: CurrentSettings,
  { clock, log }: RelayDeps,
): Activity | null {
  if (store === null) return null;
  return startActivity({ queue, clock, log, store, settings: () => current.config().activity });
}

function recoveriesOf({
  relay,
  stores,
  current,
  metrics,
  isReady,
}: ObserversDeps &
  Pick<Observers, "metrics"> & { readonly isReady: () => boolean }): Promise<Recoveries | null> {
  const { clock, log, random, env = {}, secrets, installer } = relay;
  return openRecoveries({
    config: current.config,
    clock,
    log,
    random,
    env,
    metrics,
    isReady,
    openNotes: (instance) => stores.driver.openRecoveryNotes(instance),
    mask: secrets.mask,
    program: installer,
  });
}
