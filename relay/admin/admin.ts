/** The operator's side as one Hono app: the admin API below /api/v1 and the pages. */
import { Hono } from "hono";
import { createAccess } from "./access.ts";
import { createActions } from "./actions.ts";
import { createApi } from "./api.ts";
import { createFeed } from "./feed.ts";
import { maskingOf } from "./masking.ts";
import { createPages } from "./pages.ts";
import { createPulse } from "./pulse.ts";
import { createRecovering } from "./recovering.ts";
import type { AdminDeps, AdminEnv } from "./ports.ts";

export interface Admin {
  /** To be mounted at the root; leaves every path that is not its own to others. */
  readonly app: Hono<AdminEnv>;
  /** Ends the live streams, so that the server can close. */
  close(): void;
}

export function createAdmin(deps: AdminDeps): Admin {
  const app = new Hono<AdminEnv>();
  const access = createAccess(deps);
  const feed = createFeed(deps.queue, deps.clock);
  const actions = createActions(deps);
  const masking = maskingOf(() => deps.config().mask);
  app.route("/api/v1", createApi(deps, { access, feed, actions, masking }));
  const pulse = createPulse(deps.metrics, deps.queue, deps.clock);
  const recovering = createRecovering(deps.queue, pulse, deps.clock);
  app.route("/", createPages(deps, { access, feed, actions, masking, pulse, recovering }));
  return {
    app,
    close() {
      feed.close();
      pulse.close();
    },
  };
}
