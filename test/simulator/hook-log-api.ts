/** Test deliveries, the log of deliveries, and sending a logged one again. */
import { STATUS_CODES } from "node:http";
import type { Hono } from "hono";
import { requireUser } from "./auth.ts";
import type { Delivered, Delivery } from "./delivery.ts";
import type { LogRow, StatusFilter } from "./events-log.ts";
import { INTERNAL_ERROR, findRow, logWindowStart, pageOfLog } from "./events-log.ts";
import { flagsOf } from "./hook-fields.ts";
import { interpolate } from "./hook.ts";
import type { Hook } from "./hook.ts";
import type { Ctx, SimEnv } from "./http.ts";
import { idParam, invalid, isoTime, notFound, refusal } from "./http.ts";
import type { FindParent, HookParent } from "./hooks-api.ts";
import { groupParent, hookOf, projectParent } from "./hooks-api.ts";
import { pageRequest, writePageHeaders } from "./paging.ts";
import type { Json } from "./params.ts";
import { buildTestPayload } from "./test-payload.ts";
import { triggerOf } from "./wire.ts";
import type { World } from "./world.ts";
import { subscribable } from "../../lib/events.ts";

const MAX_LOG_PAGE = 20;
const STATUS_WORDS: ReadonlySet<string> = new Set(["successful", "client_failure", "server_failure"]);

export function mountHookLogApi(app: Hono<SimEnv>, world: World, delivery: Delivery): void {
  mount(app, world, delivery, "/projects/:id/hooks/:hook_id", projectParent(world));
  mount(app, world, delivery, "/groups/:id/hooks/:hook_id", groupParent(world));
}

function mount(app: Hono<SimEnv>, world: World, delivery: Delivery, base: string, find: FindParent): void {
  app.post(`${base}/test/:trigger`, async (c) => {
    if (!world.since(16, 11)) throw invalid(404, "404 Not Found");
    const parent = find(c);
    const flag = c.req.param("trigger") ?? "";
    if (!flagsOf(world, parent.kind).includes(flag))
      throw invalid(400, "trigger does not have a valid value");
    const hook = hookOf(c, parent);
    limitTests(world, c, parent, hook);
    const row = subscribable(parent.kind).find((r) => r.flag === flag);
    const data = row && buildTestPayload(world, parent, row);
    if (!row || typeof data === "string" || data === undefined)
      throw refusal(422, data ?? "Testing not available");
    const result = await delivery.deliver(hook, triggerOf(row.header), data, { ...chain(c), force: true });
    if (typeof result === "string") throw refusal(422, blockedText(result));
    if (result.status === null || result.status < 200 || result.status > 299)
      throw refusal(422, result.message);
    return c.json({ message: "201 Created" }, 201);
  });

  app.get(`${base}/events`, (c) => {
    if (!world.since(17, 3)) throw invalid(404, "404 Not Found");
    const parent = find(c);
    const perPage = c.req.query("per_page") ?? String(MAX_LOG_PAGE);
    if (/^\d+$/.test(perPage) && (Number(perPage) < 1 || Number(perPage) > MAX_LOG_PAGE)) {
      throw invalid(400, "per_page does not have a valid value");
    }
    const request = pageRequest(c, MAX_LOG_PAGE);
    const filter = statusFilter(c.req.query("status"));
    const hook = hookOf(c, parent);
    const offset = (request.page - 1) * request.perPage;
    const { rows, total } = pageOfLog(
      hook,
      logWindowStart(world.clock.now()),
      filter,
      offset,
      request.perPage,
    );
    writePageHeaders(c, total, world.baseUrl, request);
    return c.json(rows.map(logEntity));
  });

  app.post(`${base}/events/:log_id/resend`, async (c) => {
    if (!world.since(17, 4)) throw invalid(404, "404 Not Found");
    const parent = find(c);
    const hook = hookOf(c, parent);
    const limits = world.settings.endpointLimits;
    if (limits) world.throttle.endpoint(`resend:${scope(c, parent)}`, limits.hookResend);
    const row = findRow(hook, idParam(c, "log_id"));
    if (!row) throw notFound();
    if (row.calledUrl !== interpolate(hook.url, hook.urlVariables)) {
      throw refusal(422, "The hook URL has changed, and this log entry cannot be retried");
    }
    const key = row.requestHeaders["Idempotency-Key"];
    const data = JSON.parse(row.requestData) as Json;
    const result = await delivery.deliver(hook, row.trigger, data, {
      ...chain(c),
      ...(key === undefined ? {} : { key }),
    });
    if (typeof result === "string") throw refusal(422, blockedText(result));
    if (result.status === null) throw refusal(422, result.message);
    return c.json({ response_status: result.status }, 201);
  });
}

function limitTests(world: World, c: Ctx, parent: HookParent, hook: Hook): void {
  const limits = world.settings.endpointLimits;
  if (!limits) return;
  if (world.since(17, 1)) world.throttle.endpoint(`test:${scope(c, parent)}`, limits.hookTest);
  else world.throttle.endpoint(`test:hook ${hook.id}`, Math.min(3, limits.hookTest));
}

function scope(c: Ctx, parent: HookParent): string {
  return `${parent.kind} ${parent.of.id} ${requireUser(c).id}`;
}

/** The event UUID that a receiver copied from the hook it was called by. */
function chain(c: Ctx): { eventUuid?: string } {
  const uuid = c.req.header("x-gitlab-event-uuid");
  return uuid === undefined ? {} : { eventUuid: uuid };
}

function blockedText(reason: Exclude<Awaited<ReturnType<Delivery["deliver"]>>, Delivered>): string {
  return reason === "disabled" ? "Hook disabled" : "Recursive webhook blocked";
}

function statusFilter(text: string | undefined): StatusFilter | null {
  if (text === undefined || text === "") return null;
  const wanted = text.split(",").map((word) => word.trim());
  if (!wanted.every((word) => STATUS_WORDS.has(word) || Object.hasOwn(STATUS_CODES, word))) {
    throw invalid(400, "status does not have a valid value");
  }
  return (row) => wanted.some((word) => word === row.responseStatus || word === statusClass(row));
}

function statusClass(row: LogRow): string {
  if (row.responseStatus === INTERNAL_ERROR || row.responseStatus.startsWith("5")) return "server_failure";
  if (row.responseStatus.startsWith("4")) return "client_failure";
  return row.responseStatus.startsWith("2") ? "successful" : "other";
}

function logEntity(row: LogRow): Json {
  return {
    id: row.id,
    url: row.url,
    trigger: row.trigger,
    request_headers: row.requestHeaders,
    request_data: JSON.parse(row.requestData) as unknown,
    response_headers: row.responseHeaders,
    response_body: row.responseBody,
    execution_duration: row.executionDuration,
    response_status: row.responseStatus,
    created_at: isoTime(row.createdAt),
  };
}
