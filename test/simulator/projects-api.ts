/** Groups, projects, and what says who and what is there: the read-only part of the API. */
import type { Hono } from "hono";
import { canReadGroup } from "./access.ts";
import { requireUser } from "./auth.ts";
import { fullProject, groupEntity, simpleProject, userEntity } from "./entities.ts";
import type { Ctx, SimEnv } from "./http.ts";
import { invalid, isoTime, unauthorized } from "./http.ts";
import { createListing } from "./listing.ts";
import { groupOf, projectOf } from "./locate.ts";
import type { Group, Project } from "./model.ts";
import { withDescendants } from "./model.ts";
import { pageRequest, paginate } from "./paging.ts";
import { booleanOf } from "./params.ts";
import type { World } from "./world.ts";

export function mountProjectsApi(app: Hono<SimEnv>, world: World): void {
  const listing = createListing(world);
  const limits = (): typeof world.settings.endpointLimits => world.settings.endpointLimits;
  const who = (c: Ctx): string => c.get("user")?.username ?? "anonymous";
  const show = (c: Ctx, projects: readonly Project[]): Response =>
    c.json(
      projects.map((p) =>
        booleanOf(c.req.query("simple")) === true ? simpleProject(world, p) : fullProject(world, p),
      ),
    );
  const readableGroups = (c: Ctx, groups: Iterable<Group>): Group[] =>
    [...groups]
      .filter((g) => canReadGroup(c.get("user"), g))
      .sort((a, b) => (a.fullPath < b.fullPath ? -1 : 1));

  app.get("/version", (c) => {
    requireUser(c);
    return c.json({ version: versionName(world), revision: "0a1b2c3d4e5" });
  });
  app.get("/metadata", (c) => {
    requireUser(c);
    const enterprise = world.settings.tier !== "ce";
    return c.json({
      version: versionName(world),
      revision: "0a1b2c3d4e5",
      kas: { enabled: false, externalUrl: null, version: null },
      enterprise,
    });
  });
  app.get("/user", (c) => {
    const user = requireUser(c);
    return c.json({ ...userEntity(world, user), email: user.email, is_admin: user.admin, bot: false });
  });
  app.get("/personal_access_tokens/self", (c) => {
    const token = c.get("token");
    if (token === null) throw unauthorized();
    return c.json({
      id: token.id,
      name: token.name,
      revoked: token.revoked,
      created_at: isoTime(world.clock.now()),
      description: null,
      scopes: token.scopes,
      user_id: token.user.id,
      last_used_at: isoTime(world.clock.now()),
      active: true,
      expires_at: isoTime(token.expiresAt)?.slice(0, 10) ?? null,
    });
  });

  app.get("/groups", (c) => {
    const l = limits();
    if (l) world.throttle.endpoint(`groups_api:${who(c)}`, l.groups);
    return c.json(
      paginate(c, readableGroups(c, world.model.groups.values()), world.baseUrl).map((g) =>
        groupEntity(world, g),
      ),
    );
  });
  app.get("/groups/:id", (c) => {
    const l = limits();
    if (l) world.throttle.endpoint(`group_api:${who(c)}`, l.group);
    return c.json(groupEntity(world, groupOf(world, c)));
  });
  app.get("/groups/:id/subgroups", (c) =>
    c.json(
      paginate(c, readableGroups(c, groupOf(world, c).subgroups), world.baseUrl).map((g) =>
        groupEntity(world, g),
      ),
    ),
  );
  app.get("/groups/:id/descendant_groups", (c) => {
    const below = withDescendants(groupOf(world, c)).slice(1);
    return c.json(paginate(c, readableGroups(c, below), world.baseUrl).map((g) => groupEntity(world, g)));
  });
  app.get("/groups/:id/projects", (c) => {
    const l = limits();
    if (l) world.throttle.endpoint(`group_projects_api:${who(c)}`, l.groupProjects);
    return show(c, paginate(c, listing(c, groupOf(world, c)), world.baseUrl));
  });

  app.get("/projects", (c) => {
    const l = limits();
    if (l) world.throttle.endpoint(`projects_api:${who(c)}`, l.projects, 10);
    const projects = listing(c, null);
    if (c.req.query("pagination") !== "keyset") return show(c, paginate(c, projects, world.baseUrl));
    if ((c.req.query("order_by") ?? "created_at") !== "id") {
      throw invalid(405, "Keyset pagination is not yet available for this type of request");
    }
    const { perPage } = pageRequest(c);
    const page = projects.slice(0, perPage);
    const last = page.at(-1);
    if (last && projects.length > perPage) c.header("Link", `<${nextKeyset(world, c, last)}>; rel="next"`);
    return show(c, page);
  });
  app.get("/projects/:id", (c) => {
    const l = limits();
    if (l) world.throttle.endpoint(`project_api:${who(c)}`, l.project);
    return c.json(fullProject(world, projectOf(world, c)));
  });
}

function versionName(world: World): string {
  return `${world.settings.versionText}${world.settings.tier === "ce" ? "" : "-ee"}`;
}

function nextKeyset(world: World, c: Ctx, last: Project): string {
  const asked = new URL(c.req.url);
  asked.searchParams.set(c.req.query("sort") === "asc" ? "id_after" : "id_before", String(last.id));
  return new URL(`${asked.pathname}${asked.search}`, world.baseUrl).href;
}
