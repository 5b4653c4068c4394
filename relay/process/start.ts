/**
 * The relay as a whole, built from its settings: what depends on what, in which order it starts, and in which order it ends.
 * Knows no process: main.ts gives it the settings and tells it to stop.
 */
import { messageOf } from "../../lib/errors.ts";
import { secretsOf } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { createDeliveryWorkers } from "../delivery/workers.ts";
import { PERSIST_DEADLINE_MS } from "../ingest/receive.ts";
import { createReplayDesk } from "../replay/jobs.ts";
import { registerReplays } from "../replay/metrics.ts";
import { ReplayRunner } from "../replay/runner.ts";
import { createRouting } from "../routing/routing.ts";
import {
  createTargets,
  createTargetsOrFailing,
  unansweredTargets,
  type RegistryDeps,
} from "../targets/registry.ts";
import { traceIdIn, tracesEndpoint } from "../observe/traces/traces.ts";
import { Closing } from "./closing.ts";
import { CurrentSettings } from "./current-settings.ts";
import { prepareSessions, withMadeSecrets } from "./made-secrets.ts";
import { startMaintenance } from "./maintenance.ts";
import { startObservers, type ObserversDeps } from "./observers.ts";
import { createRenamedTargets } from "./renamed-targets.ts";
import type { Relay, RelayDeps } from "./relay.ts";
import { reload } from "./reload.ts";
import { createOperatorSide, serve, type ServeDeps } from "./serve.ts";
import { openStores } from "./stores.ts";

/** Milliseconds that attempts under way get to end when the relay stops. */
export const DRAIN_MS = 25_000;
/** Milliseconds that requests in flight get: storing may take its deadline, then the answer must still go out. */
const ANSWER_MS = PERSIST_DEADLINE_MS + 1000;
/** Milliseconds that a start waits for deliveries to move to a target's new name: beyond that, taking webhooks comes first. */
const RENAME_MS = 10_000;

/** Resolves once it listens. Rejects with a ConfigError if folder, port or settings do not permit it; nothing is left open then. */
export async function startRelay(settings: Config, deps: RelayDeps): Promise<Relay> {
  const closing = new Closing();
  try {
    return await start(settings, deps, closing);
  } catch (error) {
    await closing.close().catch((failure: unknown) => {
      deps.log.error("relay.close-failed", { error: messageOf(failure) });
    });
    throw error;
  }
}

/** What is open, also after a failure, is left to `closing`. */
async function start(settings: Config, deps: RelayDeps, closing: Closing): Promise<Relay> {
  const { clock, log, secrets, random, createStorage } = deps;
  secrets.add(secretsOf(settings));
  secrets.setPatterns(settings.mask.patterns);
  const current = new CurrentSettings(settings);
  const life = { isStopping: false };
  const isStopping = (): boolean => life.isStopping;
  const syncs = { note: (_durationMs: number): void => {} };
  const onSync = (durationMs: number): void => syncs.note(durationMs);
  const stores = await openStores({ createStorage, clock, log, random, current, onSync }, closing);
  const { queue, shared } = stores;
  current.useMade(await withMadeSecrets(settings, { shared, secrets, log }));
  await prepareSessions(shared);

  const { env = {}, readText } = deps;
  const asksFiles = readText === undefined ? {} : { readText };
  const targets: RegistryDeps = { clock, log, env, ...asksFiles, isTraced: tracesEndpoint(env) !== null };
  const createTarget = createTargets(targets);
  const traceIdOf = traceIdIn(env);
  const delivery = createDeliveryWorkers({ queue, clock, log, random, traceIdOf, createTarget });
  closing.add(() => delivery.stop(0));
  const routing = createRouting({ clock, log, env });
  const watched: ObserversDeps = { relay: deps, stores, current, delivery, routing, isStopping };
  const observers = await startObservers(watched, closing);
  syncs.note = observers.metrics.sync;
  // Before the first webhook; what waits from before is sent only once it is certain that the relay starts.
  queue.setRouting(routing.routerFor(current.config()), Object.keys(current.config().targets));
  const renamed = createRenamedTargets({ queue, clock, log, targets: () => current.config().targets });
  closing.add(() => renamed.close());
  await renamed.settle(RENAME_MS);
  const runner = new ReplayRunner({ queue, clock, log });
  closing.add(() => runner.close());
  registerReplays(observers.metrics.registry, runner);
  const replays = createReplayDesk({
    jobs: queue.replayJobs,
    clock,
    log,
    targets: () => Object.keys(current.config().targets),
    wake: () => runner.wake(),
  });
  const parts: ServeDeps = { relay: deps, stores, current, observers, routing, replays, isStopping };
  const admin = createOperatorSide(parts);
  closing.add(() => admin.close());
  const server = await serve(parts, admin);
  closing.add(() => server.close(0));
  const configured = current.config().targets;
  const unanswered = await unansweredTargets(configured, targets);
  delivery.prepare(configured, { createTarget: createTargetsOrFailing(targets, unanswered) }).commit();
  const maintenance = startMaintenance({
    queue,
    log,
    audit: stores.audit,
    now: () => clock.now(),
    auditDays: () => current.config().admin.audit.keepDays,
    moveRenamed: () => renamed.move(),
  });
  closing.add(() => maintenance.stop());
  runner.begin();
  const { absence, attention, recoveries } = observers;
  await recoveries?.begin(absence.lastSeenAt, absence.startedAt);
  absence.begin();
  attention.begin();

  return {
    url: server.url,
    port: server.port,
    config: current.config,
    place: stores.driver.place,
    loginUrl: `${server.url}${admin.loginPath}`,
    secretFile: () => current.made()?.webhookSecret?.file ?? null,
    adminTokenPlace: () => current.made()?.adminToken?.place ?? null,
    waitingForRestart: current.waiting,
    health: observers.health,
    async apply(next, { anew } = { anew: false }) {
      const reloading = { current, queue, routing, delivery, targets, shared, secrets, log, isStopping };
      await reload(next, { anew }, reloading);
      admin.recheck();
      await renamed.settle(RENAME_MS);
    },
    async stop(drainMs = DRAIN_MS) {
      // The last note says when the relay ceased to take webhooks.
      const noted = absence.close();
      life.isStopping = true;
      maintenance.stop();
      attention.close();
      const recovered = recoveries?.close();
      admin.close();
      await runner.close();
      await Promise.all([server.close(ANSWER_MS), delivery.stop(drainMs), noted, recovered]);
      await closing.close();
    },
  };
}
