/**
 * GitLab's REST API in the installer's words, on gitbeaker's resources: which of them it calls and what it takes from their answers.
 * Every method throws UpstreamError or RunStopped, and nothing that carries a request or a token.
 */
import { createHookLog, type HookLogApi } from "./hook-log.ts";
import { badAnswer, createRest, LONGEST_PAGE, type PageNumber, type Rest } from "../../lib/gitlab/rest.ts";
import type { Send } from "../../lib/gitlab/sender.ts";
import { createResources, type Resources } from "./gitbeaker.ts";
import { hookOf, removeSurely, unlessAbsent, unlessGone, type HookApi } from "./hook-api.ts";
import { createStanding, type StandingApi } from "./standing.ts";
import { createSystemHooks } from "./system-hooks.ts";
import type { HookBody, HookLevel, Level, Page, Project, ProjectDetails } from "./types.ts";

/** Filters of a group's list of projects, as GitLab names them in camel case. */
export type ProjectQuery = Readonly<Record<string, string | number | boolean>>;

export interface Schedule {
  readonly id: number;
  readonly [attribute: string]: unknown;
}

export interface ScheduleApi {
  list(project: number | string): Promise<Schedule[]>;
  show(project: number | string, id: number): Promise<Schedule>;
  create(
    project: number | string,
    body: HookBody & { description: string; ref: string; cron: string },
  ): Promise<Schedule>;
  edit(project: number | string, id: number, body: HookBody): Promise<Schedule>;
  setVariable(
    project: number | string,
    id: number,
    variable: { readonly key: string; readonly value: string; readonly isNew: boolean },
  ): Promise<void>;
  /** Whether the repository has this branch or tag. */
  hasRef(project: number | string, kind: "branches" | "tags", name: string): Promise<boolean>;
}

export interface GitLab {
  /** One page of a group's projects, short form, by ascending id unless the query names another order. */
  projects(group: string, query: ProjectQuery, page: number, perPage: number): Promise<Page<Project>>;
  /** The same in the long form, which says what is archived and what is about to be deleted. */
  projectDetails(
    group: string,
    query: ProjectQuery,
    page: number,
    perPage: number,
  ): Promise<Page<ProjectDetails>>;
  /** What the instance is and what the token's user may do. */
  readonly standing: StandingApi;
  readonly hooks: Readonly<Record<HookLevel, HookApi>>;
  readonly logs: Readonly<Record<Level, HookLogApi>>;
  readonly schedules: ScheduleApi;
}

function listOf<T>(value: unknown, one: (item: unknown) => T): T[] {
  if (Array.isArray(value)) return value.map(one);
  throw badAnswer("a list");
}

function projectOf(value: unknown): Project {
  const raw = value as {
    id?: unknown;
    path_with_namespace?: unknown;
    topics?: unknown;
    tag_list?: unknown;
  } | null;
  if (typeof raw?.id !== "number" || typeof raw.path_with_namespace !== "string")
    throw badAnswer("a project");
  const topics = raw.topics ?? raw.tag_list;
  return {
    id: raw.id,
    path_with_namespace: raw.path_with_namespace,
    topics: Array.isArray(topics) ? topics.map(String) : [],
  };
}

function detailsOf(value: unknown): ProjectDetails {
  const raw = value as Record<string, unknown>;
  const scheduled = raw["marked_for_deletion_on"] ?? raw["marked_for_deletion_at"] ?? null;
  const changedAt = Date.parse(String(raw["updated_at"] ?? raw["created_at"]));
  return {
    ...projectOf(value),
    archived: raw["archived"] === true,
    deletionScheduled: scheduled !== null,
    changedAt: Number.isNaN(changedAt) ? null : changedAt,
  };
}

/** @param url address of the instance */
export function createGitLab(url: string, send: Send): GitLab {
  const rest = createRest({ url, send });
  const resources = createResources(url, rest);
  const { groups } = resources;

  async function page<T>(
    group: string,
    query: ProjectQuery,
    at: PageNumber,
    one: (item: unknown) => T,
  ): Promise<Page<T>> {
    const asked = { orderBy: "id", sort: "asc", ...query, includeSubgroups: true, ...at, showExpanded: true };
    const { data, paginationInfo } = (await groups.allProjects(
      group,
      asked as Parameters<typeof groups.allProjects>[1],
    )) as unknown as {
      readonly data: unknown;
      readonly paginationInfo?: { readonly next: number | null; readonly total: number };
    };
    const total = paginationInfo?.total ?? Number.NaN;
    return {
      items: listOf(data, one),
      next: paginationInfo?.next ?? null,
      total: Number.isNaN(total) ? null : total,
    };
  }

  return {
    projects: (group, query, number, perPage) =>
      page(group, { ...query, simple: true }, { page: number, perPage }, projectOf),
    projectDetails: (group, query, number, perPage) =>
      page(group, query, { page: number, perPage }, detailsOf),
    standing: createStanding(rest),
    hooks: {
      project: hookApi(resources.projectHooks, rest, "projects"),
      group: hookApi(resources.groupHooks, rest, "groups"),
      instance: createSystemHooks(rest),
    },
    logs: { project: createHookLog(rest, "projects"), group: createHookLog(rest, "groups") },
    schedules: scheduleApi(resources),
  };
}

/** What gitbeaker has no method for, or an outdated one, goes through `rest`. */
function hookApi(
  resource: Resources["projectHooks"] | Resources["groupHooks"],
  rest: Rest,
  parents: "projects" | "groups",
): HookApi {
  const path = (parent: number | string, id: number, more = ""): string =>
    `/${parents}/${encodeURIComponent(parent)}/hooks/${id}${more}`;
  return {
    list: async (parent) => listOf(await resource.all(parent, { perPage: LONGEST_PAGE }), hookOf),
    show: async (parent, id) => hookOf(await resource.show(parent, id)),
    create: async (parent, { url, ...body }) => hookOf(await resource.add(parent, String(url), body)),
    // gitbeaker's edit() demands the url, and sending it is not always wanted.
    edit: async (parent, id, body) => hookOf((await rest.put(path(parent, id), body)).body),
    remove: (parent, id) =>
      removeSurely({ remove: () => rest.delete(path(parent, id)), show: () => resource.show(parent, id) }),
    removeHeader: (parent, id, name) =>
      unlessGone(rest.delete(path(parent, id, `/custom_headers/${encodeURIComponent(name)}`))),
    test: async (parent, id, trigger) => {
      await rest.post(path(parent, id, `/test/${trigger}`));
    },
  };
}

function scheduleApi(resources: Resources): ScheduleApi {
  const { schedules, scheduleVariables } = resources;
  return {
    list: async (project) => listOf(await schedules.all(project, { perPage: LONGEST_PAGE }), scheduleOf),
    show: async (project, id) => scheduleOf(await schedules.show(project, id)),
    create: async (project, { description, ref, cron, ...body }) =>
      scheduleOf(await schedules.create(project, description, ref, cron, body)),
    edit: async (project, id, body) => scheduleOf(await schedules.edit(project, id, body)),
    async setVariable(project, id, { key, value, isNew }) {
      if (isNew) await scheduleVariables.create(project, id, key, value);
      else await scheduleVariables.edit(project, id, key, value);
    },
    async hasRef(project, kind, name) {
      const { branches, tags } = resources;
      const found: Promise<unknown> =
        kind === "branches" ? branches.show(project, name) : tags.show(project, name);
      return (await unlessAbsent(found)) !== null;
    },
  };
}

function scheduleOf(value: unknown): Schedule {
  const schedule = value as Partial<Schedule> | null;
  if (typeof schedule?.id === "number") return schedule as Schedule;
  throw badAnswer("a schedule");
}
