/** What a client may learn about its own standing: memberships, and for administrators the licence. */
import type { Hono } from "hono";
import { groupMembership, projectMembership } from "./access.ts";
import { requireUser } from "./auth.ts";
import { userEntity } from "./entities.ts";
import type { Ctx, SimEnv } from "./http.ts";
import { forbidden, idParam, invalid, notFound } from "./http.ts";
import { groupOf, projectOf } from "./locate.ts";
import type { User } from "./model.ts";
import type { Json } from "./params.ts";
import type { World } from "./world.ts";

export function mountMembersApi(app: Hono<SimEnv>, world: World): void {
  const member = (c: Ctx, levelOf: (user: User) => number): Json => {
    const user = world.model.users.get(idParam(c, "user_id"));
    const level = user === undefined ? 0 : levelOf(user);
    if (user === undefined || level === 0) throw notFound();
    return { ...userEntity(world, user), access_level: level, expires_at: null };
  };
  app.get("/groups/:id/members/:user_id", (c) => {
    requireUser(c);
    const group = groupOf(world, c);
    return c.json(member(c, (user) => user.groupRoles.get(group.id) ?? 0));
  });
  app.get("/groups/:id/members/all/:user_id", (c) => {
    requireUser(c);
    const group = groupOf(world, c);
    return c.json(member(c, (user) => groupMembership(user, group)));
  });
  app.get("/projects/:id/members/:user_id", (c) => {
    requireUser(c);
    const project = projectOf(world, c);
    return c.json(member(c, (user) => user.projectRoles.get(project.id) ?? 0));
  });
  app.get("/projects/:id/members/all/:user_id", (c) => {
    requireUser(c);
    const project = projectOf(world, c);
    return c.json(member(c, (user) => projectMembership(world.model, user, project)));
  });

  /** Part of the Enterprise Edition, for administrators; null where no licence was ever added. */
  app.get("/license", (c) => {
    if (world.settings.tier === "ce") throw invalid(404, "404 Not Found");
    if (!requireUser(c).admin) throw forbidden();
    if (world.settings.tier === "free") return c.json(null);
    return c.json({ id: 1, plan: world.settings.tier, expired: false, licensee: { Company: "Acme" } });
  });
}
