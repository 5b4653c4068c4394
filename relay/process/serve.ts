/** The relay's HTTP side: webhooks, the operator's side, health and metrics on one port, below one prefix. */
import { createTransport } from "../../lib/gitlab/transport.ts";
import { createAdmin, type Admin } from "../admin/admin.ts";
import { createBasePath } from "../http/base-path.ts";
import { listen, type HttpServer } from "../http/server.ts";
import { createIngest } from "../ingest/receive.ts";
import { factsOf } from "../observe/activity/facts.ts";
import type { ReplayDesk } from "../replay/jobs.ts";
import type { Routing } from "../routing/routing.ts";
import { traceIdIn } from "../observe/traces/traces.ts";
import { createApp } from "./app.ts";
import { quickCollection } from "./collector.ts";
import type { CurrentSettings } from "./current-settings.ts";
import { descriptorLimit } from "./files.ts";
import type { Observers } from "./observers.ts";
import { sessionSalt } from "./made-secrets.ts";
import { providerFetch } from "./provider-fetch.ts";
import type { RelayDeps } from "./relay.ts";
import type { Stores } from "./stores.ts";
import { createWebhooks } from "./webhooks.ts";

export interface ServeDeps {
  readonly relay: RelayDeps;
  readonly stores: Stores;
  readonly current: CurrentSettings;
  readonly observers: Observers;
  readonly routing: Routing;
  readonly replays: ReplayDesk;
  readonly isStopping: () => boolean;
}

/** Connections take at most this share of what the process may open: the rest is for storage and targets. */
const CONNECTIONS_SHARE = 0.75;

export function createOperatorSide(deps: ServeDeps): Admin {
  const { relay, stores, current, observers, routing, replays } = deps;
  const { queue, shared, audit } = stores;
  const { clock, log, env = {}, version } = relay;
  const { minutes, attention, recoveries, metrics, board, activity, checks } = observers;
  return createAdmin({
    queue,
    clock,
    log,
    metrics,
    minutes,
    recoveries: () => recoveries?.status() ?? [],
    activity,
    checks,
    audit,
    routing,
    replays,
    version,
    attention: attention.items,
    sessions: {
      salt: () => sessionSalt(shared),
      epoch: (name) => ({ read: () => shared.count(name), advance: () => shared.increment(name) }),
    },
    config: current.config,
    targets: () => board.list(),
    targetMinutes: (name) => board.minutes(name),
    fetch: providerFetch(createTransport(env)),
    addresses: () => current.rules().addresses,
    secretFile: () => current.made()?.webhookSecret?.file ?? null,
  });
}

/** Resolves once it listens; rejects with a ConfigError if it cannot. */
export async function serve(deps: ServeDeps, admin: Admin): Promise<HttpServer> {
  const { relay, stores, current, observers, isStopping } = deps;
  const { clock, log } = relay;
  const { metrics, activity, health } = observers;
  const collect = quickCollection();
  const ingest = createIngest({
    queue: stores.queue,
    clock,
    log,
    metrics,
    isStopping,
    rules: current.rules,
    traceIdOf: traceIdIn(relay.env ?? {}),
    ...(activity === null ? {} : { activity: { read: factsOf, note: activity.note } }),
    ...(collect === null ? {} : { collect }),
  });
  const { host, port, basePath } = current.config().server;
  const base = createBasePath(basePath);
  const webhooks = createWebhooks({ ingest, log });
  const app = createApp({
    prefix: base.prefix,
    webhooks,
    log,
    health,
    metrics,
    mountAdmin: (root) => void root.route("/", admin.app),
    missingPage: (c) => admin.missingPage(c),
  });
  const connectionsAllowed = Math.floor(CONNECTIONS_SHARE * ((await descriptorLimit()) ?? Infinity));
  return listen({
    host,
    port,
    clock,
    ...(base.prefix === "" ? {} : { inbound: base.inbound }),
    fetch:
      base.prefix === ""
        ? (request, env) => app.fetch(request, env)
        : async (request, env) => base.outbound(await app.fetch(request, env)),
    take: webhooks.take,
    maxConnections: () => Math.min(current.config().server.maxConnections, connectionsAllowed),
  });
}
