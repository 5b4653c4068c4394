/**
 * The relay as a whole, built from its settings: what depends on what, in which order it starts, and in which order it ends.
 * Knows no process: main.ts gives it the settings and tells it to stop.
 */
import { randomBytes } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../../lib/clock.ts";
import { own } from "../../lib/json.ts";
import { ConfigError, messageOf } from "../../lib/errors.ts";
import type { RootLog, Secrets } from "../../lib/log.ts";
import type { Env } from "../../lib/settings.ts";
import { unknownVariables } from "../../lib/variables.ts";
import { openAbsence, type Absence } from "../observe/downtime/downtime.ts";
import { startActivity, type Activity } from "../observe/activity/activity.ts";
import { factsOf } from "../observe/activity/facts.ts";
import { registerActivityGauges } from "../observe/activity/gauges.ts";
import { createTransport } from "../../lib/gitlab/transport.ts";
import type { AuditTrail } from "../storage/audit-trail.ts";
import { createAdmin } from "../admin/admin.ts";
import { providerFetch } from "./provider-fetch.ts";
import { openSelfRecovery } from "../recovery/open.ts";
import { createApp } from "./app.ts";
import type { Config } from "../config/schema.ts";
import { createDeliveryWorkers } from "../delivery/workers.ts";
import { situationOf } from "../observe/attention/situation.ts";
import { watchAttention } from "../observe/attention/watch.ts";
import { createMinuteStats } from "../observe/minute-stats.ts";
import { recoveryDue, type RecoveryDue } from "../observe/recovery-due.ts";
import { startEventLog } from "../observe/event-log.ts";
import { quickCollection } from "./collector.ts";
import { descriptorLimit } from "./files.ts";
import { healthOf, type Health } from "../observe/health.ts";
import { compileIngest, createIngest, PERSIST_DEADLINE_MS } from "../ingest/receive.ts";
import { startMaintenance } from "./maintenance.ts";
import { createMetrics } from "../observe/metrics.ts";
import type { CreateStorage } from "../storage/open.ts";
import type { Check } from "../queue/queue.ts";
import { createRouting } from "../routing/routing.ts";
import { createTargets, createTargetsOrFailing, targetProblems } from "../targets/registry.ts";
import { createBasePath } from "../http/base-path.ts";
import { listen, type HttpServer } from "../http/server.ts";
import { restartPaths, secretsOf, withoutRestart } from "../config/load.ts";
import { createTargetBoard } from "../observe/target-status.ts";
import { withMadeSecrets } from "./made-secrets.ts";

/** Milliseconds that attempts under way get to end when the relay stops. */
export const DRAIN_MS = 25_000;
/** Milliseconds that requests in flight get: storing may take its deadline, then the answer must still go out. */
const ANSWER_MS = PERSIST_DEADLINE_MS + 1000;

export interface RelayDeps {
  readonly clock: Clock;
  readonly log: RootLog;
  readonly secrets: Secrets;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
  readonly version: string;
  /** Everything that is stored, by the driver that the settings name. */
  readonly createStorage: CreateStorage;
  /** Program and first arguments of the installer, which recovers what was missed. */
  readonly installer: readonly string[];
  /** Where targets find the proxy variables. @default no proxy */
  readonly env?: Env;
  /** Why changed settings are not in force, in words. @default nothing */
  readonly settingsProblems?: () => readonly string[];
  /** Checks that the program adds to readiness. @default none */
  readonly checks?: () => readonly Check[];
}

export interface Relay {
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  /** The settings in force. */
  config(): Config;
  /** What is stored where, for the log. */
  readonly place: Readonly<Record<string, string>>;
  /** Where the secret token is kept that the relay made for itself; null where the settings have one. */
  secretFile(): string | null;
  /** Where the admin token is kept that the relay made for itself; null where the settings have one. */
  adminTokenPlace(): string | null;
  /** Address that logs in to the dashboard once. A secret: for a terminal, never for the log. */
  readonly loginUrl: string;
  health(): Health;
  /**
   * Puts other settings in force: all of them in one step, or none. What only a restart changes stays as it was and is reported.
   * Rejects with a ConfigError that names everything in the way.
   * @param options.anew makes targets anew whose settings stay the same: their certificates may have changed. @default false
   */
  apply(next: Config, options?: { readonly anew: boolean }): Promise<void>;
  /** Settings that wait for a restart, by path. */
  waitingForRestart(): readonly string[];
  /**
   * Takes no more webhooks, answers those in flight, lets attempts end within the deadline, writes down what was settled and lets
   * go of the storage. A crash half-way loses nothing: unfinished attempts are made again.
   * @default drainMs 25_000
   */
  stop(drainMs?: number): Promise<void>;
}

/** Resolves once it listens. Rejects with a ConfigError where folder, port or settings do not permit it; nothing is left open then. */
export async function startRelay(settings: Config, deps: RelayDeps): Promise<Relay> {
  const { clock, log, secrets } = deps;
  secrets.add(secretsOf(settings));
  secrets.setPatterns(settings.mask.patterns);
  let config = settings;
  let countSync = (_durationMs: number): void => {};
  const storage = await deps.createStorage({
    clock,
    log,
    random: deps.random,
    onSync: (durationMs) => countSync(durationMs),
    settings: () => config.queue,
  });
  const queue = await storage.openQueue().catch(async (error: unknown) => {
    await storage.close();
    throw error;
  });
  let activity: Activity | null = null;
  let absence: Absence | null = null;
  let audit: AuditTrail | null = null;
  try {
    const kept = await storage.openSecrets();
    let made = await withMadeSecrets(settings, { shared: kept, secrets, log });
    config = made.config;
    /** The settings in force as they were written, without the secrets that the relay made. */
    let configured = settings;
    let rules = compileIngest(config);
    let isStopping = false;
    let waitingForRestart: readonly string[] = [];

    const targetDeps = { clock, log, env: deps.env ?? {} };
    const delivery = createDeliveryWorkers({
      queue,
      clock,
      log,
      random: deps.random,
      createTarget: createTargets(targetDeps),
    });
    const board = createTargetBoard({ queue, delivery, clock, config: () => config });
    const metrics = createMetrics({
      queue,
      now: () => clock.now(),
      targets: () =>
        board
          .list()
          .map(({ name, breaker, inFlight }) => ({ name, breakerOpen: breaker === "open", inFlight })),
      checks: () => health().checks,
      disk: () => storage.disk(),
    });
    countSync = metrics.sync;
    const minutes = createMinuteStats(metrics, queue, clock);
    const eventLog = startEventLog({
      queue,
      log,
      now: () => clock.now(),
      isOn: () => config.log.level === "info" || config.log.level === "debug",
    });
    activity = settings.activity.enabled
      ? startActivity({
          queue,
          clock,
          log,
          store: await storage.openActivityStore(),
          settings: () => config.activity,
        })
      : null;
    if (activity !== null) {
      registerActivityGauges({
        registry: metrics.registry,
        activity,
        now: () => clock.now(),
        settings: () => config.activity.prometheus,
      });
    }
    audit = await storage.openAuditTrail();
    const trail = audit;
    const seen = await openAbsence({
      heartbeat: await storage.openHeartbeat(),
      clock,
      log,
      registry: metrics.registry,
      isReady: () => health().status === "ready",
    });
    absence = seen;
    const ownChecks = (): readonly Check[] => [delivery.check(), seen.check(), ...(deps.checks?.() ?? [])];
    const health = (): Health => healthOf({ queue, isStopping: () => isStopping, own: ownChecks });
    const selfRecovery =
      settings.recovery === undefined
        ? null
        : openSelfRecovery(config, settings.recovery, {
            clock,
            log,
            random: deps.random,
            env: deps.env ?? {},
            mask: secrets.mask,
            metrics,
            notes: await storage.openRecoveryNotes(),
            program: deps.installer,
            isReady: () => health().status === "ready",
          });
    const recovery = (): RecoveryDue | null =>
      selfRecovery !== null
        ? selfRecovery.due()
        : recoveryDue({
            now: clock.now(),
            lastSeenAt: seen.lastSeenAt,
            startedAt: seen.startedAt,
            firstUnavailableAt: minutes.firstUnavailableAt,
            lastRecoveredAt: minutes.lastRecoveredAt,
          });
    const misspelt = unknownVariables(deps.env ?? {});
    const attention = watchAttention({
      clock,
      log,
      registry: metrics.registry,
      situation: async () =>
        situationOf({
          now: clock.now(),
          checks: health().checks,
          stats: await queue.stats(),
          minutes,
          board,
          recovery: recovery(),
          settingsProblems: deps.settingsProblems?.() ?? [],
          unknownVariables: misspelt,
        }),
    });
    const admin = createAdmin({
      minutes,
      attention: attention.items,
      recovery,
      selfRecovery: () => selfRecovery?.status() ?? null,
      sessions: {
        salt: async () =>
          (await kept.ensure("session-salt", () => randomBytes(16).toString("base64url"))).value,
        epoch: (name) => ({ read: () => kept.count(name), advance: () => kept.increment(name) }),
      },
      queue,
      clock,
      log,
      metrics,
      config: () => config,
      targets: () => board.list(),
      audit: trail,
      fetch: providerFetch(createTransport(deps.env ?? {})),
      addresses: () => rules.addresses,
      version: deps.version,
      secretFile: () => made.webhookSecret?.file ?? null,
      activity,
      checks: ownChecks,
    });
    const collect = quickCollection();
    const ingest = createIngest({
      queue,
      clock,
      log,
      metrics,
      rules: () => rules,
      ...(activity === null ? {} : { activity: { read: factsOf, note: activity.note } }),
      ...(collect === null ? {} : { collect }),
      isStopping: () => isStopping,
    });
    const base = createBasePath(config.server.basePath);
    const app = createApp({
      prefix: base.prefix,
      ingest,
      log,
      health,
      metrics,
      mountAdmin: (root) => void root.route("/", admin.app),
    });

    const routing = createRouting({ clock, log });
    // Before the first webhook; what waits from before is sent only once it is certain that the relay starts.
    queue.setRouting(routing.routerFor(config), Object.keys(config.targets));
    const connectionsAllowed = Math.floor(0.75 * ((await descriptorLimit()) ?? Infinity));
    const server: HttpServer = await listen({
      ...(base.prefix === "" ? {} : { inbound: base.inbound }),
      fetch:
        base.prefix === ""
          ? (request, env) => app.fetch(request, env)
          : async (request, env) => base.outbound(await app.fetch(request, env)),
      host: config.server.host,
      port: config.server.port,
      clock,
      maxConnections: () => Math.min(config.server.maxConnections, connectionsAllowed),
    });
    delivery.prepare(config.targets, { createTarget: createTargetsOrFailing(targetDeps) }).commit();
    /**
     * Makes everything that the settings need, then puts all of it in force in one step. If making fails nothing has changed; the
     * queue is the only one that may refuse the step, and it comes first.
     */
    const build = async (next: Config, anew: boolean): Promise<void> => {
      const unchanged = new Set(
        Object.entries(next.targets)
          .filter(([name, target]) => !anew && isDeepStrictEqual(target, own(config.targets, name)))
          .map(([name]) => name),
      );
      const changedTargets = Object.entries(next.targets).filter(([name]) => !unchanged.has(name));
      const problems = await targetProblems(Object.fromEntries(changedTargets), targetDeps);
      if (problems.length > 0) throw new ConfigError(problems);
      if (isStopping) return;
      const nextRules = compileIngest(next);
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
      config = next;
      rules = nextRules;
      log.setLevel(next.log.level);
      targets.commit();
    };
    const maintenance = startMaintenance({
      queue,
      log,
      audit: trail,
      now: () => clock.now(),
      auditDays: () => config.admin.audit.keepDays,
    });
    await selfRecovery?.begin(seen.lastSeenAt, seen.startedAt);
    seen.begin();
    attention.begin();

    return {
      url: server.url,
      port: server.port,
      config: () => config,
      place: storage.place,
      loginUrl: `${server.url}${admin.loginPath}`,
      secretFile: () => made.webhookSecret?.file ?? null,
      adminTokenPlace: () => made.adminToken?.place ?? null,
      waitingForRestart: () => waitingForRestart,
      health,
      async apply(next, { anew } = { anew: false }) {
        const waiting = restartPaths(configured, next);
        const wanted = withoutRestart(configured, next);
        const changed = await withMadeSecrets(wanted, { shared: kept, secrets, log });
        await build(changed.config, anew).catch((error: unknown) => {
          throw error instanceof ConfigError
            ? error
            : new ConfigError([{ path: "", message: messageOf(error) }]);
        });
        configured = wanted;
        made = changed;
        admin.recheck();
        waitingForRestart = waiting;
        if (waiting.length > 0) log.warn("settings.restart-needed", { paths: waiting });
      },
      async stop(drainMs = DRAIN_MS) {
        // The last note says when the relay ceased to take webhooks.
        const noted = seen.close();
        isStopping = true;
        maintenance.stop();
        attention.close();
        const recovered = selfRecovery?.close();
        admin.close();
        minutes.close();
        await Promise.all([server.close(ANSWER_MS), delivery.stop(drainMs), noted, recovered]);
        board.close();
        metrics.close();
        await eventLog.close();
        await trail.close();
        await activity?.close();
        await queue.close();
        await storage.close();
      },
    };
  } catch (error) {
    await absence?.close();
    await audit?.close();
    await activity?.close();
    await queue.close();
    await storage.close();
    throw error;
  }
}
