/**
 * `/__sim/`: the simulator steered and read over HTTP, for those who started it as a process of its own. JSON in, JSON out;
 * problems are answered 400 with their text.
 */
import { Hono } from "hono";
import * as z from "zod";
import { messageOf } from "../../lib/errors.ts";
import type { Counters } from "./counters.ts";
import type { Delivery } from "./delivery.ts";
import type { FaultRule, Faults } from "./faults.ts";
import type { Hook } from "./hook.ts";
import type { SimEnv } from "./http.ts";
import type { HookChange } from "./inside.ts";
import { changeHook, insideOfHook, syntheticLog } from "./inside.ts";
import type { Content, Group, Project, ProjectInput } from "./model.ts";
import { withDescendants } from "./model.ts";
import { parseVersion } from "./options.ts";
import type { Seeder } from "./seed.ts";
import type { Settings, World } from "./world.ts";

export interface Controlled {
  readonly world: World;
  readonly counters: Counters;
  readonly faults: Faults;
  readonly seed: Seeder;
  readonly delivery: Delivery;
}

const visibility = z.enum(["private", "internal", "public"]);
const Ref = z.union([z.string(), z.number()]);
const Tree = z.strictObject({
  group: z.string().optional(),
  projects: z.number(),
  subgroups: z.number().optional(),
  foreignHooks: z.number().optional(),
});
const NewGroup = z.strictObject({
  path: z.string(),
  parent: Ref.optional(),
  visibility: visibility.optional(),
});
const NewProject = z.strictObject({
  group: Ref,
  path: z.string(),
  visibility: visibility.optional(),
  archived: z.boolean().optional(),
  markedForDeletionOn: z.string().nullable().optional(),
  topics: z.array(z.string()).optional(),
  content: z.array(z.string()).optional(),
});
const ProjectChange = z.strictObject({
  archived: z.boolean().optional(),
  markedForDeletionOn: z.string().nullable().optional(),
  forbidden: z.boolean().optional(),
  topics: z.array(z.string()).optional(),
  visibility: visibility.optional(),
  content: z.array(z.string()).optional(),
  moveTo: Ref.optional(),
  path: z.string().optional(),
  deleted: z.boolean().optional(),
});
const NewUser = z.strictObject({
  username: z.string(),
  token: z.string(),
  scopes: z.array(z.string()).optional(),
  expiresAt: z.number().nullable().optional(),
  admin: z.boolean().optional(),
  groups: z.record(z.string(), z.number()).optional(),
  projects: z.record(z.string(), z.number()).optional(),
  /** Permissions of a custom role, with each of these memberships. */
  abilities: z.array(z.literal("admin_web_hook")).optional(),
});
const GroupChange = z.strictObject({
  path: z.string().optional(),
  /** Null: to the top. */
  moveTo: Ref.nullable().optional(),
});
const Trigger = z.strictObject({
  project: Ref.optional(),
  group: Ref.optional(),
  kind: z.string(),
  count: z.number().optional(),
  ref: z.string().optional(),
  refCount: z.number().optional(),
  commitCount: z.number().optional(),
  payload: z.record(z.string(), z.unknown()).optional(),
  /** False: answers at once; `GET settled` waits. */
  wait: z.boolean().optional(),
});
const HookRef = z.looseObject({ project: Ref.optional(), group: Ref.optional(), id: z.number().optional() });
const Log = z.strictObject({
  count: z.number(),
  stepMs: z.number().optional(),
  failEvery: z.number().optional(),
});

/** @param root path below which the instance is */
export function mountControlApi(app: Hono<SimEnv>, root: string, sim: Controlled): void {
  const { world, counters, faults, seed, delivery } = sim;
  const { model } = world;
  const control = new Hono<SimEnv>();

  const groupBy = (ref: string | number): Group => {
    const group = model.group(ref);
    if (!group) throw new TypeError(`There is no group "${ref}"`);
    return group;
  };
  const projectBy = (ref: string | number): Project => {
    const found = model.project(ref);
    if (!found) throw new TypeError(`There is no project "${ref}"`);
    return found.project;
  };
  const parentBy = (at: { project?: string | number | undefined; group?: string | number | undefined }) => {
    if (at.project !== undefined) return projectBy(at.project);
    if (at.group !== undefined) return groupBy(at.group);
    throw new TypeError("project or group is missing");
  };

  app.get(`${root}/__sim/`, (c) => c.redirect(`${root}/__sim`));
  control.get("/", (c) =>
    c.json({
      url: world.baseUrl,
      version: world.settings.versionText,
      groups: model.groups.size,
      projects: model.projects.size,
      pendingFaults: faults.pending,
    }),
  );
  control.get("/counters", (c) => c.json(counters.report()));
  control.delete("/counters", (c) => {
    counters.reset();
    return c.json(counters.report());
  });
  control.get("/requests", (c) => c.json(counters.log.slice(-Number(c.req.query("last") ?? 1000))));
  control.post("/next-minute", (c) => {
    world.throttle.reset();
    return c.json({});
  });
  control.patch("/settings", async (c) => {
    const change = (await c.req.json()) as Partial<Settings>;
    Object.assign(world.settings, change);
    if (change.versionText !== undefined) world.settings.version = parseVersion(change.versionText);
    return c.json(world.settings);
  });
  control.post("/faults", async (c) => {
    faults.add((await c.req.json()) as FaultRule);
    return c.json({ pending: faults.pending });
  });
  control.delete("/faults", (c) => {
    faults.clear();
    return c.json({ pending: 0 });
  });

  control.post("/tree", async (c) => {
    const { group, projects } = seed.tree(defined(Tree.parse(await c.req.json())));
    return c.json({ groupId: group.id, projectIds: projects.map((p) => p.id) });
  });
  control.post("/groups", async (c) => {
    const { path, parent, ...more } = NewGroup.parse(await c.req.json());
    const group = seed.group(
      path,
      defined({ ...more, parent: parent === undefined ? undefined : groupBy(parent) }),
    );
    return c.json({ id: group.id, fullPath: group.fullPath });
  });
  control.patch("/groups/:ref", async (c) => {
    const { path, moveTo } = GroupChange.parse(await c.req.json());
    const group = groupBy(c.req.param("ref"));
    if (path !== undefined) model.renameGroup(group, path);
    if (moveTo !== undefined) model.transferGroup(group, moveTo === null ? null : groupBy(moveTo));
    return c.json({ id: group.id, fullPath: group.fullPath });
  });
  control.post("/projects", async (c) => {
    const { group, path, ...more } = NewProject.parse(await c.req.json());
    const input = defined(more) as Omit<ProjectInput, "path" | "group">;
    const project = seed.project(groupBy(group), path, input);
    return c.json({ id: project.id, fullPath: project.fullPath });
  });
  control.patch("/projects/:ref", async (c) => {
    const { moveTo, path, deleted, content, ...plain } = ProjectChange.parse(await c.req.json());
    const project = projectBy(c.req.param("ref"));
    model.updateProject(project, defined(plain));
    if (content) model.updateProject(project, { content: new Set(content as Content[]) });
    if (moveTo !== undefined || path !== undefined) {
      model.moveProject(
        project,
        defined({ path, group: moveTo === undefined ? undefined : groupBy(moveTo) }),
      );
    }
    if (deleted) model.deleteProject(project);
    return c.json({ id: project.id, fullPath: project.fullPath });
  });
  control.post("/users", async (c) => {
    const input = NewUser.parse(await c.req.json());
    const user =
      model.userByName(input.username) ??
      model.addUser(defined({ username: input.username, admin: input.admin }));
    model.addToken(defined({ value: input.token, user, scopes: input.scopes, expiresAt: input.expiresAt }));
    for (const [ref, level] of Object.entries(input.groups ?? {}))
      model.setGroupRole(user, groupBy(ref), level, input.abilities);
    for (const [ref, level] of Object.entries(input.projects ?? {}))
      model.setProjectRole(user, projectBy(ref), level, input.abilities);
    return c.json({ id: user.id });
  });
  control.patch("/tokens/:value", async (c) => {
    const token = model.tokens.get(c.req.param("value"));
    if (!token) throw new TypeError("There is no such token");
    Object.assign(
      token,
      z
        .strictObject({ revoked: z.boolean().optional(), expiresAt: z.number().nullable().optional() })
        .parse(await c.req.json()),
    );
    return c.json({});
  });

  control.get("/hooks", (c) => {
    const top = c.req.query("group");
    const groups = top === undefined ? [...model.groups.values()] : withDescendants(groupBy(top));
    const hooks = groups.flatMap((g) => g.hooks.concat(g.projects.flatMap((p) => p.hooks)));
    return c.json(hooks.map((hook) => insideOfHook(world, hook)));
  });
  control.post("/hooks", async (c) => {
    const { project, group, id, ...change } = HookRef.parse(await c.req.json());
    const parent = parentBy({ project, group });
    const known: Hook | undefined = parent.hooks.find((hook) => hook.id === id);
    const hook = known ?? model.addHook(parent, "https://example.com/hook");
    changeHook(hook, change as HookChange);
    return c.json(insideOfHook(world, hook));
  });
  control.post("/projects/:ref/hooks/:hook_id/log", async (c) => {
    const hook = projectBy(c.req.param("ref")).hooks.find((h) => h.id === Number(c.req.param("hook_id")));
    if (!hook) throw new TypeError("There is no such hook");
    const { count, stepMs, failEvery } = Log.parse(await c.req.json());
    const status = (index: number): string => (failEvery && index % failEvery === 0 ? "503" : "200");
    hook.syntheticLog = syntheticLog(world, hook, defined({ count, stepMs, status }));
    return c.json({ count });
  });
  control.post("/trigger", async (c) => {
    const { project, group, kind, count, wait, ...options } = Trigger.parse(await c.req.json());
    const target = parentBy({ project, group });
    const runs = Array.from({ length: count ?? 1 }, () => delivery.trigger(target, kind, defined(options)));
    if (wait === false) return c.json({ triggered: runs.length }, 202);
    const reports = await Promise.all(runs);
    return c.json({
      delivered: reports.flatMap((r) => r.delivered),
      dropped: reports.flatMap((r) => r.dropped),
    });
  });
  control.get("/settled", async (c) => {
    await delivery.settled();
    return c.json({});
  });

  control.onError((error, c) => c.json({ error: messageOf(error) }, 400));
  app.route(`${root}/__sim`, control);
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** The object without the keys that are undefined: absent and undefined are not the same to the model. */
function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as Defined<T>;
}
