/**
 * The pages of the operator's side: which address shows what, and what its forms do. Pages are whole without script; the script
 * only refreshes what is marked `data-live`.
 */
import { Hono, type Context, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { own } from "../../../lib/json.ts";
import { UpstreamError } from "../../../lib/errors.ts";
import { TargetExistsError, UnknownTargetError } from "../../queue/errors.ts";
import type { EventFilter } from "../../queue/queue.ts";
import { orphansOf } from "../../observe/attention/situation.ts";
import type { Access } from "../auth/access.ts";
import { createLoginRoutes, type LoginParts } from "../auth/login-routes.ts";
import type { Actions } from "../api/actions.ts";
import { RefusalError } from "../api/answer.ts";
import { parseActivityQuery } from "../api/activity-query.ts";
import { assetRoutes } from "../assets/assets.ts";
import type { Feed } from "../live/feed.ts";
import { attempt, formOf, fieldNames, noticeOf, queryOf, safeNext, targetOf } from "../auth/forms.ts";
import type { Html } from "./html.ts";
import type { Masking } from "./masking.ts";
import { auditPage } from "./audit.ts";
import { activityOffPage, activityPage } from "./activity.ts";
import { bulkPage, eventsPage } from "./events.ts";
import { deadPage } from "./dead.ts";
import { FAILED, eventPage, eventTitle, failedTargets } from "./event.ts";
import { gonePage, missingPage, goneTargetPage, refusedPage } from "./gone.ts";
import { DEFAULT_NAME, layout, plainPage, type Section } from "./layout.ts";
import { overviewPage } from "./overview.ts";
import { troublePage } from "./trouble.ts";
import { previewTarget } from "../api/preview.ts";
import { previewPage } from "./preview.ts";
import { targetPage } from "./target.ts";
import { targetsPage } from "./targets.ts";
import { waitsNow } from "./waiting.ts";
import type { AdminDeps, AdminEnv } from "../ports.ts";
import { DEFAULT_LIMIT, MAX_LIMIT, parseCursor, parseFilter, parseLimit, type Moment } from "../api/query.ts";
import { allChecks, deadLetters, findEvents, queryString, targetRows } from "./view.ts";

const NEWEST = 12;
/** Dead letters that the overview groups. */
const DEAD_SHOWN = 100;
/** Actions of people that the page of an event shows. */
const ACTIONS_SHOWN = 20;
const MAX_FORM_BYTES = 65_536;
/** Of a form that anybody may send. */
const MAX_LOGIN_BYTES = 8192;

function formLimit(maxSize: number): MiddlewareHandler<AdminEnv> {
  return bodyLimit({
    maxSize,
    onError() {
      throw new RefusalError(413, "too_large", `the form is longer than ${maxSize} bytes`);
    },
  });
}

/** Paths that only an operator sees; a pattern also matches the path without what follows. */
const GUARDED = ["/", "/events/*", "/dead/*", "/targets/*", "/activity", "/audit", "/logout"];

/** No inline script or style, nothing from elsewhere, no frame around it. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "X-Frame-Options": "DENY",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "same-origin",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cache-Control": "no-store",
};

export interface PageParts {
  readonly access: Access;
  readonly login: Omit<LoginParts, "assets">;
  readonly feed: Feed;
  readonly actions: Actions;
  readonly masking: () => Masking;
  readonly moment: () => Moment;
}

type PageContext = Context<AdminEnv>;

interface PageOptions {
  readonly title: string;
  readonly section: Section | null;
  readonly stream?: string | null;
  readonly status?: 200 | 404;
}

export interface OperatorPages {
  /** To be mounted at the root. */
  readonly app: Hono<AdminEnv>;
  /** For an address that is nobody's; needs no login and holds nothing. */
  missingPage(c: Context): Response | Promise<Response>;
}

/** Routes of the pages. */
export function createPages(deps: AdminDeps, parts: PageParts): OperatorPages {
  const { queue, clock, minutes, activity = null } = deps;
  const { access, feed, actions, masking, moment } = parts;
  const pages = new Hono<AdminEnv>();
  const assets = assetRoutes(pages);
  const startedAt = clock.now();

  /** Null where the storage is out of reach: a page that can do without it shows that trouble instead. */
  const deadNow = async (): Promise<number | null> => {
    try {
      return (await queue.stats()).byState.dead;
    } catch (error) {
      if (error instanceof UpstreamError) return null;
      throw error;
    }
  };

  const frame = async (c: PageContext, options: PageOptions, content: Html): Promise<Response> =>
    c.html(
      layout(
        {
          assets,
          name: deps.config().server.name || DEFAULT_NAME,
          title: options.title,
          section: options.section,
          csrf: c.get("csrf"),
          canLogOut: c.get("identity").person.via !== "proxy",
          person: c.get("identity").person,
          troubles: allChecks(deps)
            .filter((check) => !check.ok)
            .map((check) => `${check.name}: ${check.detail}`),
          dead: await deadNow(),
          stream: options.stream ?? null,
          since: c.get("since"),
          notice: noticeOf(queryOf(c), fieldNames(deps)),
          hasActivity: activity !== null,
        },
        content,
      ),
      options.status ?? 200,
    );

  for (const path of [...GUARDED, "/login/*"]) {
    pages.use(path, async function pageHeaders(c, next) {
      for (const [name, value] of Object.entries(PAGE_HEADERS)) c.header(name, value);
      await next();
    });
  }
  pages.use("/login", formLimit(MAX_LOGIN_BYTES));
  for (const path of GUARDED) {
    pages.use(path, access.page);
    pages.use(path, formLimit(MAX_FORM_BYTES));
    pages.use(path, access.form);
    // Noted before the page is made: what happens meanwhile is told by the stream once more.
    pages.use(path, async function notePosition(c, next) {
      c.set("since", feed.position(null).id);
      await next();
    });
  }

  pages.onError((error, c) => {
    if (error instanceof RefusalError)
      return c.html(plainPage(assets, "Refused", refusedPage(error.message)), error.refusal.status);
    if (error instanceof UnknownTargetError || error instanceof TargetExistsError)
      return c.html(plainPage(assets, "Refused", refusedPage(error.message)), 409);
    if (!(error instanceof UpstreamError)) throw error;
    c.header("Refresh", "5");
    return c.html(plainPage(assets, "Not ready", troublePage(error.message, allChecks(deps))), 503);
  });

  pages.route("/", createLoginRoutes(deps, { ...parts.login, assets }));

  pages.get("/", async (c) => {
    const stats = await queue.stats();
    const { events } = await queue.list({}, NEWEST, null);
    const content = overviewPage({
      now: clock.now(),
      version: deps.version,
      startedAt,
      stats,
      checks: allChecks(deps),
      targets: targetRows(deps, stats),
      minutes: minutes.minutes(),
      totals: {
        accepted: minutes.total("accepted"),
        duplicate: minutes.total("duplicate"),
        refused: minutes.total("unauthorized") + minutes.total("forbidden"),
        unavailable: minutes.total("unavailable"),
      },
      dead: stats.byState.dead === 0 ? null : await deadLetters(deps, {}, DEAD_SHOWN),
      selfRecovery: deps.selfRecovery(),
      attention: await deps.attention(),
      masking: masking(),
      mayAct: c.get("may")("act"),
      newest: events,
      secretFile: deps.secretFile(),
      webhookUrl: `${new URL(c.req.url).origin}/webhooks/gitlab`,
      csrf: c.get("csrf"),
    });
    return frame(c, { title: "Overview", section: "overview", stream: "" }, content);
  });

  pages.get("/events", async (c) => {
    const read = queryOf(c);
    const asked = attempt(() => ({
      filter: parseFilter(read, moment()),
      limit: parseLimit(read("limit"), DEFAULT_LIMIT, MAX_LIMIT),
      cursor: parseCursor(read("cursor")),
    }));
    const page =
      asked.problem === null
        ? await findEvents(queue, asked.value.filter, asked.value.limit, asked.value.cursor)
        : { events: [], cursor: null, partial: false };
    const content = eventsPage({
      read,
      page,
      limit: asked.value?.limit ?? DEFAULT_LIMIT,
      targets: deps.targets().map((target) => target.name),
      filter: asked.value?.filter ?? {},
      problem: asked.problem,
    });
    const isFirst = asked.problem === null && asked.value.cursor === null;
    return frame(
      c,
      { title: "Events", section: "events", stream: isFirst ? queryString(read) : null },
      content,
    );
  });

  pages.get("/events/replay", async (c) => {
    const read = queryOf(c);
    const fields = Object.fromEntries(new URLSearchParams(queryString(read)));
    const asked = attempt(() => parseFilter(read, moment()));
    if (asked.problem !== null) return c.redirect(`/events${queryString(read)}`, 303);
    if (queryString(read) === "") return c.redirect("/events?notice=no-filter", 303);
    // What counts back from now is fixed: the set must not change between this page and its button.
    if (fields["range"] !== undefined) {
      fields["from"] = new Date(asked.value.from ?? 0).toISOString();
      delete fields["range"];
    }
    fields["to"] ??= new Date(clock.now()).toISOString();
    const fixed = parseFilter((name) => fields[name], moment());
    const preview = await actions.preview(fixed, null);
    const all = await actions.preview(fixed, []);
    const content = bulkPage({ read, preview, all, fields, targets: fieldNames(deps), csrf: c.get("csrf") });
    return frame(c, { title: "Replay a set of events", section: "events" }, content);
  });

  pages.post("/events/replay", async (c) => {
    const form = await formOf(c);
    const filter = parseFilter(form, moment());
    if (Object.keys(filter).length === 0)
      throw new RefusalError(
        400,
        "bad_request",
        "name at least one filter: without one, all events would be sent again",
      );
    const { deliveries } = await actions.replayAll(filter, targetOf(form, deps));
    return c.redirect(`/events${queryString(form, { notice: "queued", n: String(deliveries) })}`, 303);
  });

  pages.get("/events/:id", async (c) => {
    const id = c.req.param("id");
    const event = await queue.get(id);
    if (event === null) return frame(c, { title: "Not here", section: "events", status: 404 }, gonePage());
    const view = {
      event,
      duplicates: await queue.duplicates(id),
      actions: (await deps.audit.list({ subject: id, limit: ACTIONS_SHOWN })).entries,
      waitsFor: await waitsNow(deps),
      mayReadBody: c.get("may")("read-bodies"),
      webhookUrl: `${new URL(c.req.url).origin}/webhooks/gitlab`,
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

  pages.get("/dead", async (c) => {
    const stats = await queue.stats();
    const content = deadPage({
      dead: await deadLetters(deps, {}),
      stats,
      csrf: c.get("csrf"),
    });
    return frame(c, { title: "Dead letters", section: "dead", stream: "" }, content);
  });

  pages.post("/dead/replay", async (c) => {
    const target = (await formOf(c))("target");
    const filter: EventFilter = target === undefined ? {} : { target };
    return c.redirect(`/dead?notice=queued&n=${await actions.replayDead(filter)}`, 303);
  });

  pages.get("/targets", async (c) => {
    const stats = await queue.stats();
    const content = targetsPage({
      targets: targetRows(deps, stats),
      orphans: orphansOf(stats, fieldNames(deps)),
      masking: masking(),
      mayAct: c.get("may")("act"),
      csrf: c.get("csrf"),
      now: clock.now(),
    });
    return frame(c, { title: "Targets", section: "targets", stream: "" }, content);
  });

  pages.get("/targets/:name", async (c) => {
    const name = c.req.param("name");
    const target = targetRows(deps, await queue.stats()).find((row) => row.name === name);
    const settings = own(deps.config().targets, name);
    if (target === undefined || settings === undefined)
      return frame(c, { title: "Not here", section: "targets", status: 404 }, goneTargetPage(name));
    const content = targetPage({
      target,
      settings,
      minutes: deps.targetMinutes(name),
      masking: masking(),
      mayAct: c.get("may")("act"),
      csrf: c.get("csrf"),
      now: clock.now(),
    });
    return frame(c, { title: name, section: "targets", stream: "" }, content);
  });

  pages.post("/targets/:name/move", async (c) => {
    const to = (await formOf(c))("to") ?? "";
    const moved = await actions.move(c.req.param("name"), to);
    return c.redirect(`/targets?notice=moved&n=${moved}`, 303);
  });

  for (const [verb, paused] of [
    ["pause", true],
    ["resume", false],
  ] as const) {
    pages.post(`/targets/:name/${verb}`, async (c) => {
      const name = c.req.param("name");
      if (!fieldNames(deps).includes(name)) return c.text(`there is no target "${name}"\n`, 404);
      await actions.setPaused(name, paused);
      const back = c.req.header("referer");
      const path = back !== undefined && URL.canParse(back) ? new URL(back).pathname : "/";
      return c.redirect(`${/^\/targets(\/|$)/.test(path) ? path : "/"}?notice=${verb}d&target=${name}`, 303);
    });
  }

  pages.get("/audit", async (c) => {
    const before = c.req.query("cursor");
    const page = await deps.audit.list({ limit: DEFAULT_LIMIT, ...(before === undefined ? {} : { before }) });
    return frame(c, { title: "Audit trail", section: null }, auditPage(page));
  });

  pages.get("/activity", async (c) => {
    if (activity === null) return frame(c, { title: "Activity", section: "activity" }, activityOffPage());
    const read = queryOf(c);
    const asked = attempt(() => parseActivityQuery(read, clock.now()));
    const shown = asked.value ?? parseActivityQuery(() => undefined, clock.now());
    const view = { report: await activity.report(shown), asked: shown, problem: asked.problem };
    return frame(c, { title: "Activity", section: "activity" }, activityPage(view));
  });

  return {
    app: pages,
    missingPage(c) {
      for (const [name, value] of Object.entries(PAGE_HEADERS)) c.header(name, value);
      return c.html(plainPage(assets, "Not here", missingPage()), 404);
    },
  };
}
