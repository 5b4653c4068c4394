/** Targets of the API: how they do, pause and resume, and what is kept for those that are gone. */
import type { Hono } from "hono";
import { orphansOf } from "../../observe/attention/situation.ts";
import type { AdminDeps, AdminEnv } from "../ports.ts";
import { refuse } from "./answer.ts";
import type { ApiParts } from "./api-parts.ts";
import { NO_STATS, isoOrNull, targetJson } from "./event-json.ts";
import { unknownName } from "./filters.ts";
import { bad } from "./query.ts";
import { jsonBody } from "./request.ts";

export function mountTargetApi(api: Hono<AdminEnv>, deps: AdminDeps, { actions, masking }: ApiParts): void {
  const { queue } = deps;
  const mask = (text: string): string => masking().text(text);

  api.get("/targets", async (c) => {
    const stats = await queue.stats();
    const statuses = deps.targets();
    const names = statuses.map(({ name }) => name);
    return c.json({
      targets: statuses.map((status) => targetJson(status, stats.targets.get(status.name) ?? NO_STATS, mask)),
      orphans: orphansOf(stats, names).map(({ name, waiting, dead, oldestAt }) => ({
        name,
        waiting,
        dead,
        oldestAt: isoOrNull(oldestAt),
      })),
    });
  });

  for (const [verb, paused] of [
    ["pause", true],
    ["resume", false],
  ] as const) {
    api.post(`/targets/:name/${verb}`, async (c) => {
      const name = c.req.param("name");
      const status = deps.targets().find((target) => target.name === name);
      if (status === undefined)
        return refuse(c, {
          status: 404,
          code: "not_found",
          message: unknownName(
            "target",
            name,
            deps.targets().map((target) => target.name),
          ),
        });
      await actions.setPaused(name, paused);
      const { targets } = await queue.stats();
      return c.json(targetJson(status, targets.get(name) ?? { ...NO_STATS, paused }, mask));
    });
  }

  api.post("/targets/:name/move", async (c) => {
    const { to } = await jsonBody(c);
    if (typeof to !== "string") throw bad("to must be the name of a target");
    return c.json({ moved: await actions.move(c.req.param("name"), to) });
  });
}
