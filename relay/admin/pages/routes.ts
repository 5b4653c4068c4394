/**
 * The pages of the operator's side: which address shows what, and what its forms do. Pages are whole without script; the script
 * only refreshes what is marked `data-live`.
 */
import { Hono, type Context, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { messageOf, UpstreamError } from "../../../lib/errors.ts";
import { TargetExistsError, UnknownTargetError } from "../../queue/errors.ts";
import { ReplayStateError, TooManyReplaysError } from "../../replay/jobs.ts";
import type { ApiParts } from "../api/api-parts.ts";
import { RefusalError } from "../api/answer.ts";
import { assetRoutes } from "../assets/assets.ts";
import { createLoginRoutes, type LoginParts } from "../auth/login-routes.ts";
import type { AdminDeps, AdminEnv } from "../ports.ts";
import { mountEvent, mountEvents } from "./event-routes.ts";
import { failedPage, missingPage, refusedPage } from "./gone.ts";
import type { Html } from "./html.ts";
import { errorPage } from "./layout.ts";
import { mountOverview } from "./overview-routes.ts";
import { mountPeople } from "./people-routes.ts";
import { mountReplays } from "./replay-routes.ts";
import { createFrame, relayName, type Site } from "./site.ts";
import { mountTargets } from "./target-routes.ts";
import { troublePage } from "./trouble.ts";
import { allChecks } from "./view.ts";

const MAX_FORM_BYTES = 65_536;
/** Of a form that anybody may send. */
const MAX_LOGIN_BYTES = 8192;

/** What is asked for cannot be done as things are; the message says why. */
const REFUSED = [UnknownTargetError, TargetExistsError, TooManyReplaysError, ReplayStateError] as const;

function formLimit(maxSize: number): MiddlewareHandler<AdminEnv> {
  return bodyLimit({
    maxSize,
    onError() {
      throw new RefusalError(413, "too_large", `the form is longer than ${maxSize} bytes`);
    },
  });
}

/** Paths that only an operator sees; a pattern also matches the path without what follows. */
const GUARDED = ["/", "/events/*", "/dead/*", "/targets/*", "/replays/*", "/activity", "/audit", "/logout"];

/** No inline script or style, nothing from elsewhere, no frame around it. */
const PAGE_HEADERS: Readonly<Record<string, string>> = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "X-Frame-Options": "DENY",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "same-origin",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cache-Control": "no-store",
};

export interface PageParts extends ApiParts {
  readonly login: Omit<LoginParts, "assets">;
}

export interface OperatorPages {
  /** To be mounted at the root. */
  readonly app: Hono<AdminEnv>;
  /** For an unknown address; needs no login and shows nothing of the relay. */
  missingPage(c: Context): Response | Promise<Response>;
}

/** Routes of the pages. */
export function createPages(deps: AdminDeps, parts: PageParts): OperatorPages {
  const { access, feed, actions, masking, readFilter } = parts;
  const pages = new Hono<AdminEnv>();
  const assets = assetRoutes(pages);

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

  const errorOf = (title: string, content: Html): Html =>
    errorPage(assets, { name: relayName(deps), title }, content);
  pages.onError((error, c) => {
    if (error instanceof RefusalError)
      return c.html(errorOf("Refused", refusedPage(error.refusal)), error.refusal.status);
    if (REFUSED.some((kind) => error instanceof kind))
      return c.html(errorOf("Refused", refusedPage({ code: "conflict", message: error.message })), 409);
    if (error instanceof UpstreamError) {
      c.header("Refresh", "5");
      return c.html(errorOf("Not ready", troublePage(error.message, allChecks(deps))), 503);
    }
    deps.log.error("request.failed", { path: c.req.path, error: messageOf(error), stack: error.stack });
    return c.html(errorOf("Failed", failedPage()), 500);
  });

  pages.route("/", createLoginRoutes(deps, { ...parts.login, assets }));

  const site: Site = { pages, deps, actions, masking, readFilter, frame: createFrame(deps, assets) };
  for (const mount of [mountOverview, mountEvents, mountReplays, mountEvent, mountTargets, mountPeople])
    mount(site);

  return {
    app: pages,
    missingPage(c) {
      for (const [name, value] of Object.entries(PAGE_HEADERS)) c.header(name, value);
      return c.html(errorOf("Not here", missingPage()), 404);
    },
  };
}
