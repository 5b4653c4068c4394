/** Replay jobs of the API: makes them, shows them, pauses, resumes and cancels them. */
import type { Hono } from "hono";
import type { ReplayOrder } from "../../replay/jobs.ts";
import { CHANGES, type ReplayChange } from "../../replay/progress.ts";
import { findEvents } from "../pages/view.ts";
import type { AdminContext, AdminDeps, AdminEnv } from "../ports.ts";
import { refuse } from "./answer.ts";
import type { ApiParts } from "./api-parts.ts";
import { summaryJson } from "./event-json.ts";
import { bad } from "./query.ts";
import { countJson, replayJson } from "./replay-json.ts";
import { filterOf, jsonBody, personOf, targetsOf } from "./request.ts";

/** Events that a preview shows. */
const SAMPLE = 10;
export const MAX_RATE = 10_000;

export function mountReplayApi(
  api: Hono<AdminEnv>,
  deps: AdminDeps,
  { masking, readFilter }: ApiParts,
): void {
  const { replays, queue } = deps;
  const mask = (text: string): string => masking().text(text);

  api.get("/replays", async (c) => c.json({ replays: (await replays.list()).map(replayJson) }));

  api.post("/replays", async (c) => {
    const { targets, rate, all = false, dryRun = false, ...fields } = await jsonBody(c);
    if (typeof dryRun !== "boolean") throw bad("dryRun must be true or false");
    if (typeof all !== "boolean") throw bad("all must be true or false");
    const filter = await filterOf(c, fields, readFilter);
    if (Object.keys(filter).length === 0 && !all)
      throw bad("name at least one filter, or send all: true to replay whatever is stored");
    const order: ReplayOrder = {
      filter,
      targets: targetsOf({ targets }, deps),
      ratePerSecond: rateOf(rate),
    };
    if (!dryRun) {
      const { matched, job } = await replays.start(order, personOf(c));
      if (job === null) return c.json({ matched: countJson(matched), sample: [] });
      return c.json(replayJson(job), 202, { Location: `/api/v1/replays/${job.plan.id}` });
    }
    const state = order.targets === null ? (filter.state ?? "dead") : filter.state;
    const shown = state === undefined ? filter : { ...filter, state };
    const [matched, sample] = await Promise.all([
      replays.preview(order),
      findEvents(queue, shown, SAMPLE, null),
    ]);
    return c.json({
      matched: countJson(matched),
      sample: sample.events.map((event) => summaryJson(event, mask)),
    });
  });

  api.get("/replays/:id", async (c) => {
    const job = await replays.get(c.req.param("id"));
    return job === null ? noJob(c) : c.json(replayJson(job));
  });

  for (const change of Object.keys(CHANGES) as ReplayChange[]) {
    api.post(`/replays/:id/${change}`, async (c) => {
      const job = await replays.change(c.req.param("id"), change);
      return job === null ? noJob(c) : c.json(replayJson(job));
    });
  }
}

/** Deliveries per second; null: no limit. Throws a RefusalError (400). */
export function rateOf(rate: unknown): number | null {
  if (rate === undefined || rate === null) return null;
  if (typeof rate !== "number" || !Number.isInteger(rate) || rate < 1 || rate > MAX_RATE)
    throw bad(`rate must be a whole number of deliveries per second, from 1 to ${MAX_RATE}`);
  return rate;
}

function noJob(c: AdminContext): Response {
  return refuse(c, {
    status: 404,
    code: "not_found",
    message: "there is no such replay job; it may have expired",
  });
}
