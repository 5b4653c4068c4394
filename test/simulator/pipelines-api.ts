/** Pipelines of a project, started by trigger tokens, and files of its repository: as much as the relay's targets ask for. */
import type { Hono } from "hono";
import { createHash } from "node:crypto";
import { projectRole } from "./access.ts";
import { requireUser } from "./auth.ts";
import type { Ctx, SimEnv } from "./http.ts";
import { forbidden, idParam, invalid, isoTime, notFound, readParams, refusal } from "./http.ts";
import { projectOf } from "./locate.ts";
import type { Project } from "./model.ts";
import { ACCESS } from "./model.ts";
import { paginate } from "./paging.ts";
import { isObject, textOf } from "./params.ts";
import type { World } from "./world.ts";

export interface Pipeline {
  readonly id: number;
  readonly ref: string;
  readonly source: "trigger";
  readonly createdAt: number;
  readonly variables: ReadonlyMap<string, string>;
  readonly inputs: ReadonlyMap<string, unknown>;
  /** `X-Gitlab-Event-UUID` of the request that started it. */
  readonly eventUuid: string | null;
}

/** What a project has beyond hooks and schedules; tests fill it in. */
export interface Repository {
  readonly branches: Set<string>;
  readonly triggerTokens: Set<string>;
  readonly pipelines: Pipeline[];
  /** Files of the default branch by path. */
  readonly files: Map<string, string>;
}

const repositories = new WeakMap<Project, Repository>();

export function repositoryOf(project: Project): Repository {
  let repository = repositories.get(project);
  if (repository === undefined) {
    repository = {
      branches: new Set(["main"]),
      triggerTokens: new Set(),
      pipelines: [],
      files: new Map(),
    };
    repositories.set(project, repository);
  }
  return repository;
}

export function mountPipelinesApi(app: Hono<SimEnv>, world: World): void {
  app.post("/projects/:id/trigger/pipeline", async (c) => {
    const params = await readParams(c);
    for (const name of ["token", "ref"]) {
      if (textOf(params[name]) === null) throw invalid(400, `${name} is missing`);
    }
    // The trigger token stands for a user's rights; without a right one there is no such project.
    const project = world.model.project(c.req.param("id"))?.project;
    const token = textOf(params["token"]) ?? "";
    if (project === undefined || !repositoryOf(project).triggerTokens.has(token)) throw notFound();
    const repository = repositoryOf(project);
    const ref = textOf(params["ref"]) ?? "";
    if (!repository.branches.has(ref)) throw refusal(400, { base: ["Reference not found"] });
    const variables = isObject(params["variables"]) ? params["variables"] : {};
    for (const value of Object.values(variables)) {
      if (typeof value !== "string") throw refusal(400, "variables needs to be a map of key-valued strings");
    }
    const inputs = isObject(params["inputs"]) ? params["inputs"] : {};
    const pipeline: Pipeline = {
      id: world.model.nextId(),
      ref,
      source: "trigger",
      createdAt: world.clock.now(),
      variables: new Map(Object.entries(variables) as [string, string][]),
      inputs: new Map(Object.entries(inputs)),
      eventUuid: c.req.header("x-gitlab-event-uuid") ?? null,
    };
    repository.pipelines.push(pipeline);
    return c.json(entity(world, project, pipeline), 201);
  });

  app.get("/projects/:id/pipelines", (c) => {
    const project = projectOf(world, c);
    const source = c.req.query("source");
    const after = Date.parse(c.req.query("updated_after") ?? "1970-01-01");
    const found = repositoryOf(project)
      .pipelines.filter((p) => (source ?? p.source) === p.source && p.createdAt >= after)
      .toReversed();
    return c.json(paginate(c, found, world.baseUrl).map((p) => entity(world, project, p)));
  });

  app.get("/projects/:id/pipelines/:pipeline_id/variables", (c) => {
    const project = projectOf(world, c);
    if (projectRole(world.model, requireUser(c), project) < ACCESS.developer) throw forbidden();
    const id = idParam(c, "pipeline_id");
    const pipeline = repositoryOf(project).pipelines.find((p) => p.id === id);
    if (pipeline === undefined) throw notFound();
    return c.json([...pipeline.variables].map(([key, value]) => ({ key, value, variable_type: "env_var" })));
  });

  app.get("/projects/:id/repository/files/:path/raw", (c) => rawFile(world, c));
}

function rawFile(world: World, c: Ctx): Response {
  const project = projectOf(world, c);
  const text = repositoryOf(project).files.get(c.req.param("path") ?? "");
  if (text === undefined) throw notFound("File");
  const etag = `W/"${createHash("sha256").update(text).digest("hex").slice(0, 32)}"`;
  c.header("ETag", etag);
  return c.req.header("if-none-match") === etag ? c.body(null, 304) : c.text(text);
}

function entity(world: World, project: Project, pipeline: Pipeline): Record<string, unknown> {
  return {
    id: pipeline.id,
    project_id: project.id,
    ref: pipeline.ref,
    status: "created",
    source: pipeline.source,
    created_at: isoTime(pipeline.createdAt),
    updated_at: isoTime(pipeline.createdAt),
    web_url: `${world.baseUrl}/${project.fullPath}/-/pipelines/${pipeline.id}`,
  };
}
