/** Which projects a listing holds and in which order. The last results are kept: a walk over pages asks for the same one again. */
import { canReadProject, projectMembership } from "./access.ts";
import type { Ctx } from "./http.ts";
import { invalid } from "./http.ts";
import type { Group, Project, User } from "./model.ts";
import { withDescendants } from "./model.ts";
import { booleanOf, integerOf } from "./params.ts";
import type { World } from "./world.ts";

const ORDERS = [
  "id",
  "name",
  "path",
  "created_at",
  "updated_at",
  "last_activity_at",
  "similarity",
  "star_count",
];
const VISIBILITIES = ["private", "internal", "public"];
const KEPT = 32;

export type ProjectListing = (c: Ctx, group: Group | null) => readonly Project[];

/** @returns a function that answers the query of a request, for one group or (null) for all projects */
export function createListing(world: World): ProjectListing {
  const kept = new Map<string, readonly Project[]>();
  let revision = -1;
  return function listProjects(c, group) {
    if (revision !== world.model.revision) kept.clear();
    revision = world.model.revision;
    const query = new URL(c.req.url).searchParams;
    query.delete("page");
    query.delete("per_page");
    query.delete("private_token");
    const user = c.get("user");
    const key = `${world.settings.version.join(".")} ${group?.id ?? 0} ${user?.id ?? 0} ${query.toString()}`;
    const known = kept.get(key);
    if (known) return known;
    const found = select(world, group, user, query);
    if (kept.size >= KEPT) kept.clear();
    kept.set(key, found);
    return found;
  };
}

function select(world: World, group: Group | null, user: User | null, query: URLSearchParams): Project[] {
  const flag = (name: string): boolean | null => {
    const value = booleanOf(query.get(name) ?? undefined);
    if (value === "invalid") throw invalid(400, `${name} is invalid`);
    return value ?? null;
  };
  const choice = (name: string, values: readonly string[]): string | null => {
    const value = query.get(name);
    if (value !== null && !values.includes(value)) throw invalid(400, `${name} does not have a valid value`);
    return value;
  };
  const minimum = query.has("min_access_level") ? integerOf(query.get("min_access_level")) : 0;
  if (minimum === null || ![0, 5, 10, 15, 20, 30, 40, 50].includes(minimum)) {
    throw invalid(400, "min_access_level does not have a valid value");
  }
  const archived = flag("archived");
  const knowsActive = group ? world.since(18, 9) : world.since(18, 0);
  const active = knowsActive ? flag("active") : null;
  const visibility = choice("visibility", VISIBILITIES);
  const topics = (query.get("topic") ?? "").split(",").filter((topic) => topic !== "");
  const search = query.get("search")?.toLowerCase() ?? "";
  const after = integerOf(query.get("id_after"));
  const before = integerOf(query.get("id_before"));
  const membership = flag("membership") === true;
  const owned = flag("owned") === true;
  const level = Math.max(minimum, membership ? 10 : 0, owned ? 50 : 0);
  const candidates = group
    ? projectsOf(world, group, flag("include_subgroups") ?? false, flag("with_shared") ?? true)
    : world.model.projects.values();
  const found: Project[] = [];
  for (const project of candidates) {
    if (archived !== null && project.archived !== archived) continue;
    if (active !== null && (!project.archived && project.markedForDeletionOn === null) !== active) continue;
    if (visibility !== null && project.visibility !== visibility) continue;
    if (after !== null && project.id <= after) continue;
    if (before !== null && project.id >= before) continue;
    if (topics.length > 0 && !topics.every((topic) => project.topics.includes(topic))) continue;
    if (search !== "" && !`${project.name}\n${project.path}`.toLowerCase().includes(search)) continue;
    if (level > 0 && projectMembership(world.model, user, project) < level) continue;
    if (!canReadProject(world.model, user, project)) continue;
    found.push(project);
  }
  const direction = choice("sort", ["asc", "desc"]) === "asc" ? 1 : -1;
  return found.sort(comparison(choice("order_by", ORDERS) ?? "created_at", direction));
}

function projectsOf(world: World, group: Group, subgroups: boolean, shared: boolean): Iterable<Project> {
  const groups = subgroups ? withDescendants(group) : [group];
  const found = groups.flatMap((g) => g.projects);
  if (!shared) return found;
  const ids = new Set(groups.map((g) => g.id));
  const known = new Set(found);
  for (const project of world.model.projects.values()) {
    if (project.sharedWith.size === 0 || known.has(project)) continue;
    if ([...project.sharedWith.keys()].some((id) => ids.has(id))) known.add(project);
  }
  return known;
}

function comparison(order: string, direction: number): (a: Project, b: Project) => number {
  const byId = (a: Project, b: Project): number => direction * (a.id - b.id);
  const by = (key: (p: Project) => string | number) => {
    return (a: Project, b: Project): number => {
      const [left, right] = [key(a), key(b)];
      if (left === right) return byId(a, b);
      return left < right ? -direction : direction;
    };
  };
  if (order === "name") return by((p) => p.name);
  if (order === "path") return by((p) => p.path);
  if (order === "last_activity_at") return by((p) => p.lastActivityAt);
  if (order === "updated_at") return by((p) => p.updatedAt);
  if (order === "created_at") return by((p) => p.createdAt);
  return byId;
}
