/** The operator's side as one Hono app: the admin API below /api/v1 and the pages. */
import { Hono, type Context } from "hono";
import { Access } from "./auth/access.ts";
import { Identities } from "./auth/identity.ts";
import { createLoginCode } from "./auth/login-code.ts";
import { currentProvider } from "./auth/provider.ts";
import { createActions } from "./api/actions.ts";
import { createApi } from "./api/api.ts";
import { createFilterReader } from "./api/filters.ts";
import { createFeed } from "./live/feed.ts";
import { maskingOf } from "./pages/masking.ts";
import { createPages } from "./pages/routes.ts";
import type { AdminDeps, AdminEnv } from "./ports.ts";

export interface Admin {
  /** To be mounted at the root; leaves every path that is not its own to others. */
  readonly app: Hono<AdminEnv>;
  /** The page for an unknown address. */
  missingPage(c: Context): Response | Promise<Response>;
  /** Path that logs in once, without the token. */
  readonly loginPath: string;
  /** To be called when the settings changed: what an old admin token or other roles had opened ends. */
  recheck(): void;
  /** Ends the live streams, so that the server can close. */
  close(): void;
}

export function createAdmin(deps: AdminDeps): Admin {
  const app = new Hono<AdminEnv>();
  const loginCode = createLoginCode();
  const identities = new Identities(deps);
  const feed = createFeed(deps.queue, deps.clock);
  const actions = createActions(deps);
  const masking = maskingOf(() => deps.config().mask);
  const access = new Access(deps, identities, (text) => masking().text(text));
  const readFilter = createFilterReader(deps);
  const login = { identities, loginCode, provider: currentProvider(deps) };
  app.route("/api/v1", createApi(deps, { access, feed, actions, masking, readFilter }));
  const pages = createPages(deps, { access, login, feed, actions, masking, readFilter });
  app.route("/", pages.app);
  return {
    app,
    missingPage: (c) => pages.missingPage(c),
    loginPath: `/login?code=${loginCode.code}`,
    recheck: () => identities.recheck(),
    close() {
      feed.close();
    },
  };
}
