/** Webhooks of projects, of groups and of the instance: list, show, create, change, delete, and their single headers and variables. */
import type { Hono } from "hono";
import { groupAbility, groupRole, projectAbility, projectRole } from "./access.ts";
import { requireUser } from "./auth.ts";
import type { Hook } from "./hook.ts";
import { interpolate } from "./hook.ts";
import { acceptablePair, assign, hookEntity, readHookInput, validate } from "./hook-fields.ts";
import type { Ctx, SimEnv } from "./http.ts";
import { forbidden, idParam, invalid, notFound, readParams, refusal } from "./http.ts";
import { groupOf, projectOf } from "./locate.ts";
import type { Group, Project } from "./model.ts";
import { ACCESS } from "./model.ts";
import { paginate } from "./paging.ts";
import { textOf } from "./params.ts";
import type { World } from "./world.ts";

export type HookParent =
  | { readonly kind: "project"; readonly of: Project }
  | { readonly kind: "group"; readonly of: Group };
/** Who may have hooks: a project, a group, or the instance. */
type HookOwner = HookParent | { readonly kind: "system"; readonly of: { readonly hooks: Hook[] } };
type FindOwner = (c: Ctx) => HookOwner;
export type FindParent = (c: Ctx) => HookParent;

export function mountHooksApi(app: Hono<SimEnv>, world: World): void {
  const findProject = projectParent(world);
  const findGroup = groupParent(world);
  mountHooks(app, world, "/projects/:id/hooks", findProject);
  mountHooks(app, world, "/groups/:id/hooks", findGroup);
  mountHooks(app, world, "/hooks", systemParent(world));
}

/** The hooks of the instance, which administrators alone may see. Throws 401 or 403. */
function systemParent(world: World): FindOwner {
  return (c) => {
    if (!requireUser(c).admin) throw forbidden();
    return { kind: "system", of: { hooks: world.model.systemHooks } };
  };
}

/** The project of a request whose user may administer its hooks. Throws 401, 403 or 404. */
export function projectParent(world: World): FindParent {
  return (c) => {
    const user = requireUser(c);
    const project = projectOf(world, c);
    const custom = knowsCustomRoles(world) && projectAbility(user, project, "admin_web_hook");
    if (projectRole(world.model, user, project) < ACCESS.maintainer && !custom) throw forbidden();
    return { kind: "project", of: project };
  };
}

/** The group of a request; group hooks need a licence, and an owner or a custom role. */
export function groupParent(world: World): FindParent {
  return (c) => {
    const { tier, unlicensedStatus } = world.settings;
    if (tier === "ce") throw invalid(404, "404 Not Found");
    const user = requireUser(c);
    const group = groupOf(world, c);
    if (tier === "free") throw unlicensedStatus === 404 ? notFound() : forbidden();
    const custom = knowsCustomRoles(world) && groupAbility(user, group, "admin_web_hook");
    if (groupRole(user, group) < ACCESS.owner && !custom) throw forbidden();
    return { kind: "group", of: group };
  };
}

/** Custom roles are part of Ultimate; without its licence their permissions are gone, the roles they are based on stay. */
function knowsCustomRoles(world: World): boolean {
  return world.settings.tier === "ultimate" && world.since(17, 0);
}

/** The hook that a request names, if it belongs to the parent. Throws 404. */
export function hookOf(c: Ctx, parent: HookOwner): Hook {
  const id = idParam(c, "hook_id");
  const hook = parent.of.hooks.find((h) => h.id === id);
  if (!hook) throw notFound();
  return hook;
}

function mountHooks(app: Hono<SimEnv>, world: World, base: string, find: FindOwner): void {
  app.get(base, (c) =>
    c.json(paginate(c, find(c).of.hooks, world.baseUrl).map((hook) => hookEntity(world, hook, false))),
  );
  app.get(`${base}/:hook_id`, (c) => c.json(hookEntity(world, hookOf(c, find(c)), true)));

  app.post(base, async (c) => {
    const parent = find(c);
    const input = readHookInput(world, parent.kind, await readParams(c));
    const url = input.texts.get("url");
    if (url === undefined || url === null) throw invalid(400, "url is missing");
    const draft = world.model.draftHook(parent.kind === "system" ? null : parent.of, url);
    assign(draft, input, false);
    validate(world, draft, false);
    const limit = parent.kind === "system" ? Infinity : world.settings.hookLimits[parent.kind];
    if (parent.of.hooks.length >= limit) {
      throw invalid(422, `Maximum number of ${parent.kind} hooks (${limit}) exceeded`);
    }
    parent.of.hooks.push(draft);
    return c.json(hookEntity(world, draft, true), 201);
  });

  app.put(`${base}/:hook_id`, async (c) => {
    const parent = find(c);
    const params = await readParams(c);
    if (world.settings.version[0] < 19 && textOf(params["url"]) === null)
      throw invalid(400, "url is missing");
    const hook = hookOf(c, parent);
    const input = readHookInput(world, parent.kind, params);
    if (input.empty) throw invalid(400, "No parameters provided");
    const draft: Hook = { ...hook };
    assign(draft, input, true);
    validate(world, draft, true);
    Object.assign(hook, draft, { updatedAt: world.clock.now() });
    return c.json(hookEntity(world, hook, true));
  });

  app.delete(`${base}/:hook_id`, (c) => {
    const parent = find(c);
    const hook = hookOf(c, parent);
    const limit = Date.parse(c.req.header("if-unmodified-since") ?? "");
    if (Math.floor(hook.updatedAt / 1000) * 1000 > limit) throw refusal(412, "412 Precondition Failed");
    parent.of.hooks.splice(parent.of.hooks.indexOf(hook), 1);
    return c.body(null, 204);
  });

  mountPairs(app, world, `${base}/:hook_id/url_variables/:key`, find, "urlVariables");
  mountPairs(app, world, `${base}/:hook_id/custom_headers/:key`, find, "customHeaders");
}

/** One header or variable at a time, without sending the others again. */
function mountPairs(
  app: Hono<SimEnv>,
  world: World,
  route: string,
  find: FindOwner,
  field: "urlVariables" | "customHeaders",
): void {
  const known = (): boolean => (field === "customHeaders" ? world.since(17, 1) : world.since(15, 2));
  app.put(route, async (c) => {
    if (!known()) throw invalid(404, "404 Not Found");
    const hook = hookOf(c, find(c));
    const key = c.req.param("key") ?? "";
    const params = await readParams(c);
    if (!("value" in params)) throw invalid(400, "value is missing");
    const value = textOf(params["value"]);
    if (!acceptablePair(key, value)) throw invalid(422, "Illegal key or value");
    const before = interpolate(hook.url, hook.urlVariables);
    hook[field] = new Map([...(hook[field] ?? []), [key, value]]);
    if (interpolate(hook.url, hook.urlVariables) !== before) hook.customHeaders = null;
    return c.body(null, 204);
  });
  app.delete(route, (c) => {
    if (!known()) throw invalid(404, "404 Not Found");
    const hook = hookOf(c, find(c));
    const key = c.req.param("key") ?? "";
    if (!hook[field]?.has(key)) throw notFound();
    const rest = new Map(hook[field]);
    rest.delete(key);
    hook[field] = rest.size === 0 ? null : rest;
    return c.body(null, 204);
  });
}
