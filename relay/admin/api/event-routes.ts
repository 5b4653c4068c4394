/** Events of the API: lists, one event, what is sent again, what is removed. */
import type { Hono } from "hono";
import type { EventFilter } from "../../queue/queue.ts";
import type { ReplayJob } from "../../queue/replay-job.ts";
import { queryOf } from "../auth/forms.ts";
import { findEvents } from "../pages/view.ts";
import { waitsNow } from "../pages/waiting.ts";
import type { AdminContext, AdminDeps, AdminEnv } from "../ports.ts";
import { refuse } from "./answer.ts";
import type { ApiParts } from "./api-parts.ts";
import { detailJson, duplicatesJson, summaryJson } from "./event-json.ts";
import { exportEvents } from "./export.ts";
import { DEFAULT_LIMIT, MAX_LIMIT, bad, parseCursor, parseFlag, parseLimit } from "./query.ts";
import { filterOf, jsonBody, personOf, targetsOf } from "./request.ts";

/** What is read. */
export function mountEventReads(
  api: Hono<AdminEnv>,
  deps: AdminDeps,
  { masking, readFilter }: ApiParts,
): void {
  const { queue, log } = deps;
  const mask = (text: string): string => masking().text(text);

  api.get("/events", async (c) => {
    const read = queryOf(c);
    const page = await findEvents(
      queue,
      await readFilter(read),
      parseLimit(read("limit"), DEFAULT_LIMIT, MAX_LIMIT),
      parseCursor(read("cursor")),
    );
    return c.json({
      events: page.events.map((event) => summaryJson(event, mask)),
      cursor: page.cursor,
      partial: page.partial,
      looked: page.looked,
    });
  });

  api.get("/events/export", async (c) => {
    const read = queryOf(c);
    const filter = await readFilter(read);
    const bodies = parseFlag(read("bodies"));
    const waitsFor = await waitsNow(deps, null);
    log.info("admin.exported", { filter, bodies });
    return c.body(exportEvents(queue, { filter, masking: masking(), bodies, waitsFor }), 200, {
      "Content-Type": "application/x-ndjson",
      "Content-Disposition": 'attachment; filename="events.jsonl"',
    });
  });

  api.get("/events/:id", async (c) => {
    const id = c.req.param("id");
    const [event, duplicates] = await Promise.all([queue.get(id), queue.duplicates(id)]);
    if (event === null) return noEvent(c);
    return c.json({
      ...detailJson(event, masking(), await waitsNow(deps, event.deliveries)),
      duplicates: duplicatesJson(duplicates),
    });
  });

  api.get("/events/:id/body", async (c) => {
    const id = c.req.param("id");
    const event = await queue.get(id);
    const body = event === null ? null : await queue.body(id);
    if (event === null || body === null) return noEvent(c);
    log.info("admin.body-sent", { eventId: id, bytes: body.length });
    const type = event.meta.headers.find(([name]) => name === "content-type")?.[1];
    return c.body(body as Uint8Array<ArrayBuffer>, 200, {
      "Content-Type": type ?? "application/json",
      "Content-Disposition": `attachment; filename="${id}.json"`,
      "Content-Security-Policy": "sandbox",
    });
  });
}

/** What changes something. */
export function mountEventChanges(
  api: Hono<AdminEnv>,
  deps: AdminDeps,
  { actions, readFilter }: ApiParts,
): void {
  const { replays } = deps;

  api.post("/events/:id/replay", async (c) => {
    const id = c.req.param("id");
    const targets = targetsOf(await jsonBody(c), deps);
    const replayed = await actions.replay(id, targets);
    return replayed === null ? noEvent(c) : c.json({ id, targets: replayed });
  });

  api.post("/events/replay", async (c) => {
    const { targets, dryRun = false, ...fields } = await jsonBody(c);
    if (typeof dryRun !== "boolean") throw bad("dryRun must be true or false");
    const order = { filter: await filterOf(c, fields, readFilter), targets: targetsOf({ targets }, deps) };
    if (order.targets !== null && Object.keys(order.filter).length === 0)
      throw bad("name at least one filter, or leave targets out to replay dead letters");
    if (dryRun) {
      const { events, isWhole } = await replays.preview(order);
      return c.json({ wouldReplay: events, more: !isWhole });
    }
    const { matched, job } = await replays.start(order, personOf(c));
    return c.json({ replayed: matched.events, more: !matched.isWhole, ...idOf(job) });
  });

  api.post("/dead/replay", async (c) => {
    const filter: EventFilter = { ...(await filterOf(c, await jsonBody(c), readFilter)), state: "dead" };
    const { matched, job } = await replays.start({ filter, targets: null }, personOf(c));
    return c.json({ replayed: matched.deliveries, ...idOf(job) });
  });

  api.delete("/events/:id", async (c) => {
    return (await actions.remove(c.req.param("id"))) ? c.body(null, 204) : noEvent(c);
  });
}

function noEvent(c: AdminContext): Response {
  return refuse(c, {
    status: 404,
    code: "not_found",
    message: "there is no such event; it may have expired",
  });
}

/** In the answer of a route that starts a job only if something fits. */
function idOf(job: ReplayJob | null): { readonly job?: string } {
  return job === null ? {} : { job: job.plan.id };
}
