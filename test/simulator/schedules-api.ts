/** Pipeline schedules of a project: who may make them, what is refused, what is shown. */
import type { Hono } from "hono";
import { Cron } from "croner";
import { projectRole } from "./access.ts";
import { requireUser } from "./auth.ts";
import { userEntity } from "./entities.ts";
import type { Ctx, SimEnv } from "./http.ts";
import { forbidden, idParam, invalid, isoTime, notFound, readParams, refusal } from "./http.ts";
import { projectOf } from "./locate.ts";
import type { Project, User } from "./model.ts";
import { ACCESS } from "./model.ts";
import { paginate } from "./paging.ts";
import type { Json } from "./params.ts";
import { booleanOf, isObject, textOf } from "./params.ts";
import type { Schedule, ScheduledPipeline, ScheduleVariable } from "./schedules.ts";
import type { World } from "./world.ts";

const BASE = "/projects/:id/pipeline_schedules";
const ONE = `${BASE}/:schedule_id`;
/** Free tier; twenty-five runs a day are too many for it as well, but that is not the API's concern. */
const MAX_SCHEDULES = 10;
const VARIABLE_KEY = /^[A-Za-z0-9_]{1,255}$/;

export function mountSchedulesApi(app: Hono<SimEnv>, world: World): void {
  app.get(BASE, (c) => {
    const scope = c.req.query("scope");
    if (scope !== undefined && scope !== "active" && scope !== "inactive") {
      throw invalid(400, "scope does not have a valid value");
    }
    const { project } = access(world, c, ACCESS.reporter);
    const found = (project.schedules ?? []).filter(
      (s) => scope === undefined || s.active === (scope === "active"),
    );
    return c.json(paginate(c, found, world.baseUrl).map((s) => scheduleEntity(world, s, false)));
  });
  app.get(ONE, (c) => c.json(scheduleEntity(world, scheduleOf(world, c, ACCESS.reporter).schedule, true)));
  app.get(`${ONE}/pipelines`, (c) => {
    const { schedule } = scheduleOf(world, c, ACCESS.reporter);
    return c.json(
      paginate(c, schedule.pipelines, world.baseUrl).map((p) => ({
        id: p.id,
        status: p.status,
        source: "schedule",
        ref: schedule.ref.replace("refs/heads/", ""),
        created_at: isoTime(p.createdAt),
      })),
    );
  });

  app.post(BASE, async (c) => {
    const { project, user } = access(world, c, ACCESS.developer);
    const params = await readParams(c);
    for (const name of ["description", "ref", "cron"]) {
      if (textOf(params[name]) === null) throw invalid(400, `${name} is missing`);
    }
    const now = world.clock.now();
    const draft: Schedule = {
      id: world.model.nextId(),
      createdAt: now,
      updatedAt: now,
      description: "",
      ref: "",
      cron: "",
      cronTimezone: "UTC",
      active: true,
      owner: user,
      variables: new Map(),
      inputs: new Map(),
      pipelines: [],
    };
    apply(world, draft, params);
    project.schedules ??= [];
    if (project.schedules.length >= MAX_SCHEDULES) {
      throw refusal(400, { base: [`Maximum number of pipeline schedules (${MAX_SCHEDULES}) exceeded`] });
    }
    project.schedules.push(draft);
    return c.json(scheduleEntity(world, draft, true), 201);
  });

  app.put(ONE, async (c) => {
    const { schedule } = writable(world, c);
    const draft: Schedule = { ...schedule, inputs: new Map(schedule.inputs) };
    apply(world, draft, await readParams(c));
    Object.assign(schedule, draft, { updatedAt: world.clock.now() });
    return c.json(scheduleEntity(world, schedule, true));
  });

  app.delete(ONE, (c) => {
    const { project, schedule } = removable(world, c);
    project.schedules = (project.schedules ?? []).filter((s) => s !== schedule);
    return c.body(null, 204);
  });

  app.post(`${ONE}/take_ownership`, (c) => {
    const { schedule, user } = scheduleOf(world, c, ACCESS.maintainer);
    if (schedule.owner === user) throw forbidden();
    schedule.owner = user;
    return c.json(scheduleEntity(world, schedule, true), 201);
  });

  app.post(`${ONE}/play`, (c) => {
    const { schedule } = scheduleOf(world, c, ACCESS.developer);
    schedule.pipelines.push({
      id: world.model.nextId(),
      createdAt: world.clock.now(),
      status: "success",
      jobs: [],
    });
    return c.json({ message: "201 Created" }, 201);
  });

  const pipelineOf = (c: Ctx): ScheduledPipeline => {
    const { project } = access(world, c, ACCESS.reporter);
    const id = idParam(c, "pipeline_id");
    const found = (project.schedules ?? []).flatMap((s) => s.pipelines).find((p) => p.id === id);
    if (found === undefined) throw notFound();
    return found;
  };
  app.get("/projects/:id/pipelines/:pipeline_id", (c) => {
    const { id, status } = pipelineOf(c);
    return c.json({ id, status, source: "schedule" });
  });
  app.get("/projects/:id/pipelines/:pipeline_id/jobs", (c) =>
    c.json(
      paginate(c, pipelineOf(c).jobs, world.baseUrl).map(({ name, status, allowFailure }) => ({
        name,
        status,
        allow_failure: allowFailure,
      })),
    ),
  );

  mountVariables(app, world);
}

function mountVariables(app: Hono<SimEnv>, world: World): void {
  const variableOf = (c: Ctx, schedule: Schedule): ScheduleVariable => {
    const found = schedule.variables.get(c.req.param("key") ?? "");
    if (!found) throw notFound("Variable");
    return found;
  };
  app.post(`${ONE}/variables`, async (c) => {
    const { schedule } = writable(world, c);
    const params = await readParams(c);
    const key = textOf(params["key"]);
    const value = textOf(params["value"]);
    if (key === null) throw invalid(400, "key is missing");
    if (value === null) throw invalid(400, "value is missing");
    if (!VARIABLE_KEY.test(key)) {
      throw refusal(400, { key: ["can contain only letters, digits and '_'."] });
    }
    if (schedule.variables.has(key)) throw refusal(400, { "variables.key": ["has already been taken"] });
    const variable: ScheduleVariable = { key, value, variableType: typeOf(params) ?? "env_var" };
    schedule.variables.set(key, variable);
    return c.json(variableEntity(variable), 201);
  });
  app.put(`${ONE}/variables/:key`, async (c) => {
    const { schedule } = writable(world, c);
    const variable = variableOf(c, schedule);
    const params = await readParams(c);
    variable.value = textOf(params["value"]) ?? variable.value;
    variable.variableType = typeOf(params) ?? variable.variableType;
    return c.json(variableEntity(variable));
  });
  app.delete(`${ONE}/variables/:key`, (c) => {
    const { schedule } = removable(world, c);
    const variable = variableOf(c, schedule);
    schedule.variables.delete(variable.key);
    return c.json(variableEntity(variable), 202);
  });
}

function typeOf(params: Json): ScheduleVariable["variableType"] | null {
  const type = textOf(params["variable_type"]);
  if (type !== null && type !== "env_var" && type !== "file") {
    throw invalid(400, "variable_type does not have a valid value");
  }
  return type;
}

interface Place {
  readonly project: Project;
  readonly user: User;
}

function access(world: World, c: Ctx, level: number): Place {
  const user = requireUser(c);
  const project = projectOf(world, c);
  if (projectRole(world.model, user, project) < level) throw forbidden();
  return { project, user };
}

function scheduleOf(world: World, c: Ctx, level: number): Place & { readonly schedule: Schedule } {
  const place = access(world, c, level);
  const id = idParam(c, "schedule_id");
  const schedule = place.project.schedules?.find((s) => s.id === id);
  if (!schedule) throw notFound("Pipeline Schedule");
  return { ...place, schedule };
}

/** A schedule that the user owns; a Maintainer has to take it over first, an administrator need not. */
function writable(world: World, c: Ctx): Place & { readonly schedule: Schedule } {
  const place = scheduleOf(world, c, ACCESS.developer);
  if (place.schedule.owner !== place.user && !place.user.admin) throw forbidden();
  return place;
}

/** A schedule that the user owns, or any for a Maintainer. */
function removable(world: World, c: Ctx): Place & { readonly schedule: Schedule } {
  const place = scheduleOf(world, c, ACCESS.developer);
  const role = projectRole(world.model, place.user, place.project);
  if (role < ACCESS.maintainer && place.schedule.owner !== place.user) throw forbidden();
  return place;
}

function apply(world: World, schedule: Schedule, params: Json): void {
  schedule.description = textOf(params["description"]) ?? schedule.description;
  schedule.cron = textOf(params["cron"]) ?? schedule.cron;
  schedule.cronTimezone = textOf(params["cron_timezone"]) ?? schedule.cronTimezone;
  const ref = textOf(params["ref"]) ?? schedule.ref;
  if (ref === "") throw invalid(400, "ref is empty");
  schedule.ref = ref.startsWith("refs/") ? ref : `refs/heads/${ref}`;
  const active = booleanOf(params["active"]);
  if (active === "invalid") throw invalid(400, "active is invalid");
  schedule.active = active ?? schedule.active;
  if (!validCron(schedule.cron)) throw refusal(400, { cron: [" is invalid syntax"] });
  if (!validTimezone(schedule.cronTimezone)) throw refusal(400, { cron_timezone: [" is invalid syntax"] });
  if (world.since(17, 11)) applyInputs(schedule, params["inputs"]);
}

function applyInputs(schedule: Schedule, inputs: unknown): void {
  if (inputs === undefined || inputs === null) return;
  if (!Array.isArray(inputs)) throw invalid(400, "inputs is invalid");
  inputs.forEach((input: unknown, index) => {
    if (!isObject(input)) throw invalid(400, "inputs is invalid");
    const name = textOf(input["name"]);
    if (name === null) throw invalid(400, `inputs[${index}][name] is missing`);
    if (booleanOf(input["destroy"]) === true) {
      schedule.inputs.delete(name);
      return;
    }
    if (!("value" in input)) throw invalid(400, `inputs[${index}][value] is missing`);
    schedule.inputs.set(name, input["value"]);
  });
}

function validCron(text: string): boolean {
  if (text.trim().split(/\s+/).length !== 5) return false;
  try {
    return new Cron(text, { paused: true }).nextRun() !== null;
  } catch {
    return false;
  }
}

function validTimezone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

function scheduleEntity(world: World, schedule: Schedule, single: boolean): Json {
  const entity: Json = {
    id: schedule.id,
    description: schedule.description,
    ref: schedule.ref,
    cron: schedule.cron,
    cron_timezone: schedule.cronTimezone,
    next_run_at: nextRun(world, schedule),
    active: schedule.active,
    created_at: isoTime(schedule.createdAt),
    updated_at: isoTime(schedule.updatedAt),
    owner: userEntity(world, schedule.owner),
  };
  if (world.since(17, 11)) entity["inputs"] = [...schedule.inputs].map(([name, value]) => ({ name, value }));
  if (!single) return entity;
  const last = schedule.pipelines.at(-1);
  entity["last_pipeline"] = last ? { id: last.id, status: "success", ref: schedule.ref } : null;
  entity["variables"] = [...schedule.variables.values()].map(variableEntity);
  return entity;
}

function nextRun(world: World, schedule: Schedule): string | null {
  const cron = new Cron(schedule.cron, { paused: true, timezone: schedule.cronTimezone });
  return cron.nextRun(new Date(world.clock.now()))?.toISOString() ?? null;
}

function variableEntity(variable: ScheduleVariable): Json {
  return { key: variable.key, variable_type: variable.variableType, value: variable.value, raw: false };
}
