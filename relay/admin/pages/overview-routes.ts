/** The first page. */
import { instanceNames } from "../../config/gitlab.ts";
import { overviewPage } from "./overview.ts";
import { webhookUrl, type Site } from "./site.ts";
import { allChecks, targetRows } from "./view.ts";

const NEWEST = 12;
export function mountOverview({ pages, deps, masking, frame }: Site): void {
  const { queue, clock, minutes } = deps;
  const startedAt = clock.now();

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
      recoveries: deps.recoveries(),
      attention: await deps.attention(),
      masking: masking(),
      mayAct: c.get("may")("act"),
      newest: events,
      instances: instanceNames(deps.config()),
      secretFile: deps.secretFile(),
      webhookUrl: webhookUrl(c, deps),
      csrf: c.get("csrf"),
    });
    return frame(c, { title: "Overview", section: "overview", stream: "" }, content);
  });
}
