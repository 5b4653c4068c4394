/** What people did: to the relay, and in GitLab. */
import { parseActivityQuery } from "../api/activity-query.ts";
import { listAudit } from "../api/audit.ts";
import { DEFAULT_LIMIT } from "../api/query.ts";
import { instanceNames } from "../../config/gitlab.ts";
import { attempt, queryOf } from "../auth/forms.ts";
import { activityOffPage, activityPage } from "./activity.ts";
import { auditPage } from "./audit.ts";
import type { Site } from "./site.ts";

export function mountPeople({ pages, deps, frame }: Site): void {
  const { clock, activity = null } = deps;

  pages.get("/audit", async (c) => {
    const before = c.req.query("cursor");
    const page = await listAudit(deps.audit, {
      limit: DEFAULT_LIMIT,
      ...(before === undefined ? {} : { before }),
    });
    return frame(c, { title: "Audit trail", section: null }, auditPage(page));
  });

  pages.get("/activity", async (c) => {
    if (activity === null) return frame(c, { title: "Activity", section: "activity" }, activityOffPage());
    const read = queryOf(c);
    const asked = await attempt(() => parseActivityQuery(read, clock.now()));
    const shown = asked.value ?? parseActivityQuery(() => undefined, clock.now());
    const view = {
      report: await activity.report(shown),
      asked: shown,
      problem: asked.problem,
      isLong: read("rows") === "all",
      sort: read("sort") ?? null,
      instances: instanceNames(deps.config()),
    };
    return frame(c, { title: "Activity", section: "activity" }, activityPage(view));
  });
}
