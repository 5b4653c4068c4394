/** Events: the list, one of them, and what is sent again. */
import { instanceNames } from "../../config/gitlab.ts";
import { previewTarget } from "../api/preview.ts";
import { DEFAULT_LIMIT, MAX_LIMIT, parseCursor, parseLimit } from "../api/query.ts";
import { attempt, fieldNames, formOf, queryOf, safeNext, targetOf } from "../auth/forms.ts";
import { deadPage } from "./dead.ts";
import { eventPage, eventTitle } from "./event.ts";
import { FAILED, failedTargets } from "./event-actions.ts";
import { eventsPage } from "./events.ts";
import { gonePage } from "./gone.ts";
import { previewPage } from "./preview.ts";
import { webhookUrl, type Site } from "./site.ts";
import { deadLetters, findEvents, NO_DEAD_LETTERS, queryString } from "./view.ts";
import { waitsNow } from "./waiting.ts";

/** Actions of people that the page of an event shows. */
const ACTIONS_SHOWN = 20;

/** Lists. */
export function mountEvents({ pages, deps, readFilter, frame }: Site): void {
  const { queue } = deps;

  pages.get("/events", async (c) => {
    const read = queryOf(c);
    const asked = await attempt(async () => ({
      filter: await readFilter(read),
      limit: parseLimit(read("limit"), DEFAULT_LIMIT, MAX_LIMIT),
      cursor: parseCursor(read("cursor")),
    }));
    const [page, kinds, { byState }] = await Promise.all([
      asked.problem === null
        ? findEvents(queue, asked.value.filter, asked.value.limit, asked.value.cursor)
        : { events: [], cursor: null, partial: false, looked: 0 },
      queue.kinds(),
      queue.stats(),
    ]);
    const content = eventsPage({
      read,
      page,
      limit: asked.value?.limit ?? DEFAULT_LIMIT,
      targets: deps.targets().map((target) => target.name),
      instances: instanceNames(deps.config()),
      filter: asked.value?.filter ?? {},
      kinds,
      byState,
      problem: asked.problem,
    });
    const isFirst = asked.problem === null && asked.value.cursor === null;
    return frame(
      c,
      { title: "Events", section: "events", stream: isFirst ? queryString(read) : null },
      content,
    );
  });

  pages.get("/dead", async (c) => {
    const stats = await queue.stats();
    const content = deadPage({
      // To find that there is none would take a look at every event.
      dead: stats.byState.dead === 0 ? NO_DEAD_LETTERS : await deadLetters(deps, {}),
      stats,
      mayAct: c.get("may")("act"),
      csrf: c.get("csrf"),
    });
    return frame(c, { title: "Dead letters", section: "dead", stream: "" }, content);
  });
}

export function mountEvent({ pages, deps, actions, masking, frame }: Site): void {
  const { queue } = deps;

  pages.get("/events/:id", async (c) => {
    const id = c.req.param("id");
    const event = await queue.get(id);
    if (event === null) return frame(c, { title: "Not here", section: "events", status: 404 }, gonePage());
    const view = {
      event,
      duplicates: await queue.duplicates(id),
      actions: (await deps.audit.list({ subject: id, limit: ACTIONS_SHOWN })).entries,
      waitsFor: await waitsNow(deps, event.deliveries),
      mayReadBody: c.get("may")("read-bodies"),
      mayAct: c.get("may")("act"),
      mayDelete: c.get("may")("administer"),
      now: deps.clock.now(),
      webhookUrl: webhookUrl(c, deps),
      secretFile: deps.secretFile(),
      body: c.get("may")("read-bodies") ? await queue.body(id) : null,
      masking: masking(),
      targets: fieldNames(deps),
      csrf: c.get("csrf"),
    };
    return frame(c, { title: eventTitle(view), section: "events", stream: "" }, eventPage(view));
  });

  pages.get("/events/:id/preview", async (c) => {
    const id = c.req.param("id");
    const event = await queue.get(id);
    const body = event === null ? null : await queue.body(id);
    if (event === null || body === null)
      return frame(c, { title: "Not here", section: "events", status: 404 }, gonePage());
    const { targets, overrides } = deps.config();
    const { meta } = event;
    const previews = await Promise.all(
      Object.entries(targets).map(([name, settings]) =>
        previewTarget({ name, settings, overrides, meta, body }, deps.routing, masking()),
      ),
    );
    const title = eventTitle({ event, body, masking: masking() });
    return frame(
      c,
      { title: "Who gets it", section: "events" },
      previewPage({ eventId: id, title, previews }),
    );
  });

  pages.post("/events/:id/replay", async (c) => {
    const id = c.req.param("id");
    const event = await queue.get(id);
    if (event === null) return c.redirect("/events?notice=gone", 303);
    const form = await formOf(c);
    const wanted =
      form("replayTo") === FAILED ? failedTargets(event, fieldNames(deps)) : targetOf(form, deps);
    const replayed = await actions.replay(id, wanted);
    if (replayed === null) return c.redirect("/events?notice=gone", 303);
    const back = form("back");
    if (back !== undefined && replayed.length > 0) {
      const path = safeNext(back);
      const notice = `notice=queued&n=${replayed.length}`;
      return c.redirect(`${path}${path.includes("?") ? "&" : "?"}${notice}`, 303);
    }
    return c.redirect(
      replayed.length === 0
        ? `/events/${id}?notice=no-target`
        : `/events/${id}?notice=queued&n=${replayed.length}`,
      303,
    );
  });

  pages.post("/events/:id/delete", async (c) => {
    const removed = await actions.remove(c.req.param("id"));
    return c.redirect(`/events?notice=${removed ? "removed" : "gone"}`, 303);
  });
}
