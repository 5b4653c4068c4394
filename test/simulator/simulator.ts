/**
 * A GitLab on loopback, for tests and for the demo: real HTTP, real webhooks, the limits and peculiarities of the API, and
 * trouble on demand. Nothing that GitLab hides is ever answered under /api/v4; /__sim/ shows and steers what is inside.
 */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { Counters } from "./counters.ts";
import { Faults } from "./faults.ts";
import { mountGate } from "./gate.ts";
import { Delivery } from "./delivery.ts";
import type { TriggerOptions, TriggerReport } from "./delivery.ts";
import { mountHookLogApi } from "./hook-log-api.ts";
import { mountHooksApi } from "./hooks-api.ts";
import type { SimEnv } from "./http.ts";
import { ApiError } from "./http.ts";
import type { Group, Model, Project, Token, User } from "./model.ts";
import type { SimulatorOptions } from "./options.ts";
import type { HookChange, SyntheticOptions } from "./inside.ts";
import { changeHook, insideOfHook, syntheticLog } from "./inside.ts";
import type { Hook } from "./hook.ts";
import type { Json } from "./params.ts";
import { mountControlApi } from "./control-api.ts";
import { mountMembersApi } from "./members-api.ts";
import { mountPipelinesApi } from "./pipelines-api.ts";
import { mountSchedulesApi } from "./schedules-api.ts";
import { mountProjectsApi } from "./projects-api.ts";
import { createSeeder } from "./seed.ts";
import type { Seeder } from "./seed.ts";
import type { Settings } from "./world.ts";
import { createWorld } from "./world.ts";

export interface Simulator {
  /** `http://127.0.0.1:PORT` and the relative root, without a slash at the end. */
  readonly url: string;
  readonly model: Model;
  /** May be changed while it runs. */
  readonly settings: Settings;
  readonly counters: Counters;
  readonly faults: Faults;
  readonly seed: Seeder;
  /** A user who owns every top-level group that `seed` makes, and the user's token with scope `api`. */
  readonly owner: User;
  readonly token: Token;
  /** Fires an event at all hooks that it concerns; resolves when each call was answered or has failed. */
  trigger(target: Project | Group, kind: string, options?: TriggerOptions): Promise<TriggerReport>;
  /** Resolves when no webhook is under way. */
  settled(): Promise<void>;
  /** Everything about a hook, secrets included. */
  inspect(hook: Hook): Json;
  /** Changes a hook past the API. */
  change(hook: Hook, change: HookChange): void;
  /** Gives a hook a long log that costs memory only where it is read. */
  fillLog(hook: Hook, options: SyntheticOptions): void;
  /** All limits start anew, as if the next minute had begun. */
  nextMinute(): void;
  /** Cuts all connections and frees the port. */
  close(): Promise<void>;
}

export async function createSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const world = createWorld(options);
  const counters = new Counters(world.clock, options.requestLogSize ?? 50_000);
  const faults = new Faults();
  const owner = world.model.addUser({ username: "owner" });
  const token = world.model.addToken({ value: "glpat-simulator-owner", user: owner });
  const seed = createSeeder(world.model, owner);

  const app = new Hono<SimEnv>();
  const api = new Hono<SimEnv>();
  const root = options.relativeRoot ?? "";
  mountGate(app, `${root}/api/v4`, { world, counters, faults });
  mountProjectsApi(api, world);
  mountMembersApi(api, world);
  mountHooksApi(api, world);
  const delivery = new Delivery(world);
  mountHookLogApi(api, world, delivery);
  mountSchedulesApi(api, world);
  mountPipelinesApi(api, world);
  app.route(`${root}/api/v4`, api);
  if (options.controlApi ?? true) mountControlApi(app, root, { world, counters, faults, seed, delivery });
  app.notFound((c) =>
    c.req.path.startsWith(`${root}/`)
      ? c.json({ error: "404 Not Found" }, 404)
      : c.html("<html><head><title>404 Not Found</title></head><body>nginx</body></html>", 404),
  );
  app.onError((error, c) => {
    if (!(error instanceof ApiError)) throw error;
    for (const [name, value] of Object.entries(error.headers)) c.header(name, value);
    return c.json(error.body, error.status as ContentfulStatusCode);
  });

  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, options.host ?? "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  world.baseUrl = `http://${options.host ?? "127.0.0.1"}:${port}${root}`;

  return {
    url: world.baseUrl,
    model: world.model,
    settings: world.settings,
    counters,
    faults,
    seed,
    owner,
    token,
    trigger: (target, kind, triggerOptions) => delivery.trigger(target, kind, triggerOptions),
    settled: () => delivery.settled(),
    inspect: (hook) => insideOfHook(world, hook),
    change: changeHook,
    fillLog(hook, logOptions) {
      hook.syntheticLog = syntheticLog(world, hook, logOptions);
    },
    nextMinute: () => world.throttle.reset(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
