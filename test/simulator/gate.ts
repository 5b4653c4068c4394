/** What every request passes before it reaches a route: log, latency, budget, faults, token; in the order of a real instance. */
import type { Hono } from "hono";
import { matchedRoutes } from "hono/route";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { sleep } from "../../lib/clock.ts";
import { checkToken, tokenOf } from "./auth.ts";
import type { Counters, RequestRecord } from "./counters.ts";
import type { FaultAction, Faults, FrontAnswer } from "./faults.ts";
import { BLOCKED_ANSWERS, faultBody } from "./faults.ts";
import type { Ctx, SimEnv } from "./http.ts";
import { ApiError } from "./http.ts";
import type { Verdict } from "./throttle.ts";
import type { World } from "./world.ts";

const JSON_TYPE = { "Content-Type": "application/json" };

export interface Gated {
  readonly world: World;
  readonly counters: Counters;
  readonly faults: Faults;
}

/** @param base path of the API, `/api/v4` below the instance's relative root */
export function mountGate(app: Hono<SimEnv>, base: string, { world, counters, faults }: Gated): void {
  app.use(`${base}/*`, async (c, next) => {
    const token = tokenOf(c, world.model);
    const route = routeOf(c, base);
    const record = counters.begin(
      c.req.method,
      `${c.req.method} ${route}`,
      c.req.path,
      token?.user.username ?? null,
    );
    let status = 0;
    try {
      status = await pass(c, next, route, record);
    } finally {
      counters.end(record, status);
    }
    for (const name of droppedBy(world.settings.droppedHeaders, c.res.headers)) c.res.headers.delete(name);
    return status === 0 ? RESPONSE_ALREADY_SENT : undefined;
  });

  /** Takes one request through; 0: the connection is gone and there is nothing to answer. */
  async function pass(
    c: Ctx,
    next: () => Promise<void>,
    route: string,
    record: RequestRecord,
  ): Promise<number> {
    const token = tokenOf(c, world.model);
    c.set("token", token);
    c.set("user", token?.user ?? null);
    if (world.settings.latencyMs > 0) await sleep(world.clock, world.settings.latencyMs);
    const { blockedBy } = world.settings;
    if (blockedBy !== null) return answerInFront(c, BLOCKED_ANSWERS[blockedBy]);
    const verdict = budgetVerdict(c, record);
    const headers = verdict ? world.throttle.headers(verdict, world.settings.budgetHeaders === "always") : {};
    if (verdict?.rejected) {
      return answer(c, 429, "Retry later", { "Content-Type": "text/plain", ...headers });
    }
    const fault = faults.take(c.req.method, route, c.req.path);
    const early = fault && (await before(c, fault));
    if (early !== null) return early;
    const refused = tokenRefusal(c);
    if (refused) return answer(c, refused.status, JSON.stringify(refused.body), { ...JSON_TYPE, ...headers });
    await next();
    if (fault?.kind === "lose-answer") return cut(c);
    if (fault?.kind === "status-after") return answer(c, fault.status, faultBody(fault.status).body, {});
    for (const [name, value] of Object.entries(headers)) c.res.headers.set(name, value);
    return c.res.status;
  }

  function budgetVerdict(c: Ctx, record: RequestRecord): Verdict | null {
    const user = c.get("user");
    const settings = world.settings;
    const own = user === null ? undefined : settings.userBudgets[user.username];
    const budget = user === null ? settings.anonymousBudget : own === undefined ? settings.budget : own;
    if (budget === null) return null;
    const name = user === null ? "throttle_unauthenticated_api" : "throttle_authenticated_api";
    const address = c.env.incoming.socket.remoteAddress ?? "";
    const verdict = world.throttle.count(`${name}:${user?.id ?? address}`, budget, name);
    record.afterRefusal = verdict.afterRefusal;
    return verdict;
  }

  function tokenRefusal(c: Ctx): ApiError | null {
    try {
      checkToken(c, world.model, world.clock);
      return null;
    } catch (error) {
      if (error instanceof ApiError) return error;
      throw error;
    }
  }

  /** What a fault does before the request is executed; null: it goes on. */
  async function before(c: Ctx, fault: FaultAction): Promise<number | null> {
    if (fault.kind === "delay") await sleep(world.clock, fault.ms);
    if (fault.kind === "reset") return cut(c);
    if (fault.kind === "hang") {
      await new Promise((resolve) => {
        c.env.outgoing.once("close", resolve);
      });
      return cut(c);
    }
    if (fault.kind === "blocked") return answerInFront(c, BLOCKED_ANSWERS[fault.by]);
    if (fault.kind !== "status") return null;
    const usual = faultBody(fault.status);
    return answer(c, fault.status, fault.body ?? usual.body, {
      "Content-Type": usual.type,
      ...fault.headers,
    });
  }
}

function answer(c: Ctx, status: number, body: string, headers: Record<string, string>): number {
  c.res = new Response(body, { status, headers });
  return status;
}

function answerInFront(c: Ctx, { status, body, type }: FrontAnswer): number {
  return answer(c, status, body, { "Content-Type": type });
}

/** Names of the headers that the patterns take out. */
function droppedBy(patterns: readonly string[], headers: Headers): string[] {
  if (patterns.length === 0) return [];
  return [...headers.keys()].filter((name) =>
    patterns.some((p) => (p.endsWith("*") ? name.startsWith(p.slice(0, -1)) : name === p)),
  );
}

function cut(c: Ctx): number {
  const socket = c.env.outgoing.socket;
  if (socket && "resetAndDestroy" in socket && !socket.destroyed) socket.resetAndDestroy();
  return 0;
}

/** The route as it is written in the API's documentation; unknown paths share one name. */
function routeOf(c: Ctx, base: string): string {
  const route = matchedRoutes(c).find((r) => r.method !== "ALL" && !r.path.endsWith("*"));
  return route?.path.replace(base, "") ?? "(unknown)";
}
