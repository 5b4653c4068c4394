/** From the id or path in an address to the project or group, or to the refusal that GitLab words for it. */
import { canReadGroup, canReadProject } from "./access.ts";
import type { Ctx } from "./http.ts";
import { ApiError, forbidden, notFound, refusal } from "./http.ts";
import type { Group, Project } from "./model.ts";
import type { World } from "./world.ts";

/** Throws 404 for what the user may not see, 403 for what is set to refuse, and sends away from a path that was left. */
export function projectOf(world: World, c: Ctx): Project {
  const ref = c.req.param("id") ?? "";
  const found = world.model.project(ref);
  if (!found || !canReadProject(world.model, c.get("user"), found.project)) throw notFound("Project");
  if (found.project.forbidden) throw forbidden();
  if (!found.moved) return found.project;
  if (c.req.method !== "GET") throw refusal(405, "Non GET methods are not allowed for moved projects");
  const asked = new URL(c.req.url);
  const path = asked.pathname.replace(
    `/projects/${encodeURIComponent(ref)}`,
    `/projects/${found.project.id}`,
  );
  const location = new URL(`${path}${asked.search}`, world.baseUrl).href;
  throw new ApiError(
    301,
    { message: `This resource has been moved permanently to ${location}` },
    { Location: location },
  );
}

export function groupOf(world: World, c: Ctx): Group {
  const group = world.model.group(c.req.param("id") ?? "");
  if (!group || !canReadGroup(c.get("user"), group)) throw notFound("Group");
  return group;
}
