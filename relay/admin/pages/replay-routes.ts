/** Replay jobs: what starts one, and what is done to it. */
import type { EventFilter } from "../../queue/queue.ts";
import { CHANGES, type ReplayChange } from "../../replay/progress.ts";
import { RefusalError } from "../api/answer.ts";
import { rateOf } from "../api/replay-routes.ts";
import { personOf } from "../api/request.ts";
import { attempt, fieldNames, formOf, queryOf, safeNext, targetOf } from "../auth/forms.ts";
import { goneReplayPage } from "./gone.ts";
import { replayPage, replayQuestion, replaysPage } from "./replays.ts";
import type { PageContext, Site } from "./site.ts";
import { queryString } from "./view.ts";

/** How long the page counts events whatever became of them: there may be very many, and few ask for that. */
const ALL_MS = 1000;

export function mountReplays({ pages, deps, readFilter, frame }: Site): void {
  const { replays, clock } = deps;

  /** Starts a job, if anything fits, and leads back to where it was asked for, with a notice that links it. */
  async function started(
    c: PageContext,
    order: Parameters<typeof replays.start>[0],
    back: string,
  ): Promise<Response> {
    const { matched, job } = await replays.start(order, personOf(c));
    const notice = new URLSearchParams({
      notice: matched.isWhole ? "queued" : "replaying",
      n: String(matched.deliveries),
      ...(job === null ? {} : { job: job.plan.id }),
    });
    return c.redirect(`${back}${back.includes("?") ? "&" : "?"}${notice.toString()}`, 303);
  }

  pages.get("/events/replay", async (c) => {
    const read = queryOf(c);
    const fields = Object.fromEntries(new URLSearchParams(queryString(read)));
    const asked = await attempt(() => readFilter(read));
    if (asked.problem !== null) return c.redirect(`/events${queryString(read)}`, 303);
    if (queryString(read) === "") return c.redirect("/events?notice=no-filter", 303);
    // What counts back from now is fixed: the set must not change between this page and its button.
    if (fields["range"] !== undefined) {
      fields["from"] = new Date(asked.value.from ?? 0).toISOString();
      delete fields["range"];
    }
    fields["to"] ??= new Date(clock.now()).toISOString();
    const filter = await readFilter((name) => fields[name]);
    const targets = fieldNames(deps);
    const isKnown = filter.target === undefined || targets.includes(filter.target);
    const [failed, all] = await Promise.all([
      isKnown ? replays.preview({ filter, targets: null }) : NOTHING,
      replays.preview({ filter, targets }, ALL_MS),
    ]);
    const content = replayQuestion({ read, failed, all, fields, targets, csrf: c.get("csrf") });
    return frame(c, { title: "Replay a set of events", section: "events" }, content);
  });

  pages.post("/events/replay", async (c) => {
    const form = await formOf(c);
    const filter = await readFilter(form);
    if (Object.keys(filter).length === 0)
      throw new RefusalError(
        400,
        "bad_request",
        "name at least one filter: without one, all events would be sent again",
      );
    const rate = form("rate");
    const order = {
      filter,
      targets: targetOf(form, deps),
      ratePerSecond: rateOf(rate === undefined ? null : Number(rate)),
    };
    return started(c, order, safeNext(form("back") ?? `/events${queryString(form)}`));
  });

  pages.post("/dead/replay", async (c) => {
    const target = (await formOf(c))("target");
    const filter: EventFilter = { state: "dead", ...(target === undefined ? {} : { target }) };
    return started(c, { filter, targets: null }, "/dead");
  });

  pages.get("/replays", async (c) =>
    frame(c, { title: "Replay jobs", section: null, stream: "" }, replaysPage(await replays.list())),
  );

  pages.get("/replays/:id", async (c) => {
    const job = await replays.get(c.req.param("id"));
    if (job === null) return frame(c, { title: "Not here", section: null, status: 404 }, goneReplayPage());
    const view = { job, mayAct: c.get("may")("act"), csrf: c.get("csrf") };
    return frame(c, { title: "Replay job", section: null, stream: "" }, replayPage(view));
  });

  for (const change of Object.keys(CHANGES) as ReplayChange[]) {
    pages.post(`/replays/:id/${change}`, async (c) => {
      const job = await replays.change(c.req.param("id"), change);
      return c.redirect(job === null ? "/replays" : `/replays/${job.plan.id}`, 303);
    });
  }
}

const NOTHING = { events: 0, deliveries: 0, byTarget: {}, isWhole: true };
