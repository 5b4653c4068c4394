/** How the relay does, for scripts: what needs a person, what it recovers, what the events say about the work, refused files. */
import type { Hono } from "hono";
import { queryOf } from "../auth/forms.ts";
import type { AdminDeps, AdminEnv } from "../ports.ts";
import { parseActivityQuery } from "./activity-query.ts";
import { refuse } from "./answer.ts";
import type { ApiParts } from "./api-parts.ts";
import { isoOrNull } from "./event-json.ts";
import { MAX_LIMIT } from "./query.ts";
import { recoveryJson } from "./recovery-json.ts";

export function mountStatus(api: Hono<AdminEnv>, deps: AdminDeps, { masking }: ApiParts): void {
  const { activity = null } = deps;
  const mask = (text: string): string => masking().text(text);

  api.get("/attention", async (c) => {
    const items = await deps.attention();
    return c.json({
      items: items.map(({ kind, severity, since, count, text, link }) => ({
        kind,
        severity,
        since: isoOrNull(since),
        count,
        text: mask(text),
        link,
      })),
    });
  });

  api.get("/recovery", (c) => {
    const instances = deps.recoveries().map((recovery) => recoveryJson(recovery, mask));
    return c.json({ configured: instances.length > 0, ...instances[0], instances });
  });

  api.get("/activity", async (c) => {
    const asked = parseActivityQuery(queryOf(c), deps.clock.now());
    if (activity === null)
      return refuse(c, {
        status: 404,
        code: "not_enabled",
        message: "activity is not counted; set activity.enabled in relay.yaml",
      });
    return c.json(await activity.report(asked));
  });

  api.get("/project-files", (c) =>
    c.json({
      refused: deps.routing
        .refusedFiles()
        .slice(0, MAX_LIMIT)
        .map(({ projectId, at, error }) => ({
          projectId,
          at: isoOrNull(at),
          error: mask(error),
        })),
    }),
  );
}
