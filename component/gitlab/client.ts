/**
 * GitLab's REST API in the installer's words: which endpoints it calls and what it takes from their answers. Every method throws
 * UpstreamError or RunStopped, and nothing that carries a request or a token.
 */
import { UpstreamError } from "../../lib/errors.ts";
import { createHookLog, type HookLogApi } from "./hook-log.ts";
import { badAnswer, collect, createRest, type PageNumber, type Rest } from "../../lib/gitlab/rest.ts";
import type { Send } from "../../lib/gitlab/sender.ts";
import { createStanding, type StandingApi } from "./standing.ts";
import type { Hook, HookBody, Level, Page, Project, ProjectDetails } from "./types.ts";

/** Filters of a group's list of projects, as GitLab names them in camel case. */
export type ProjectQuery = Readonly<Record<string, string | number | boolean>>;

export interface HookApi {
  /** All hooks, all pages. */
  list(parent: number | string): Promise<Hook[]>;
  /** One hook; it names the custom headers, which the list leaves out. */
  show(parent: number | string, id: number): Promise<Hook>;
  create(parent: number | string, body: HookBody): Promise<Hook>;
  edit(parent: number | string, id: number, body: HookBody): Promise<Hook>;
  /** Removing what is gone already is success. */
  remove(parent: number | string, id: number): Promise<void>;
  removeHeader(parent: number | string, id: number, name: string): Promise<void>;
  /** A test delivery; resolves where the receiver answered 2xx. */
  test(parent: number | string, id: number, trigger: string): Promise<void>;
}

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
  /** What a short name stands for in the repository. */
  refKind(
    project: number | string,
    name: string,
  ): Promise<{ readonly isBranch: boolean; readonly isTag: boolean }>;
}

export interface GitLab {
  /** One page of a group's projects, short form. */
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
  readonly hooks: Readonly<Record<Level, HookApi>>;
  readonly logs: Readonly<Record<Level, HookLogApi>>;
  readonly schedules: ScheduleApi;
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function hookOf(value: unknown): Hook {
  const hook = value as Partial<Hook> | null;
  if (typeof hook?.id === "number" && typeof hook.url === "string") return hook as Hook;
  throw badAnswer("a hook");
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
  return { ...projectOf(value), archived: raw["archived"] === true, deletionScheduled: scheduled !== null };
}

/** @param url address of the instance */
export function createGitLab(url: string, send: Send): GitLab {
  const rest = createRest({ url, send });

  async function page<T>(
    group: string,
    query: ProjectQuery,
    at: PageNumber,
    one: (item: unknown) => T,
  ): Promise<Page<T>> {
    const asked = Object.fromEntries(Object.entries(query).map(([name, value]) => [snake(name), value]));
    const order = { include_subgroups: true, order_by: "id", sort: "asc" };
    const found = await rest.page(
      `/groups/${encodeURIComponent(group)}/projects`,
      { ...asked, ...order },
      at,
    );
    return { ...found, items: found.items.map(one) };
  }

  function hookApi(parents: "projects" | "groups"): HookApi {
    const path = (parent: number | string, more = ""): string =>
      `/${parents}/${encodeURIComponent(parent)}/hooks${more}`;
    return {
      list: (parent) => collect(rest.list(path(parent)), hookOf),
      show: async (parent, id) => hookOf((await rest.get(path(parent, `/${id}`))).body),
      create: async (parent, body) => hookOf((await rest.post(path(parent), body)).body),
      edit: async (parent, id, body) => hookOf((await rest.put(path(parent, `/${id}`), body)).body),
      remove: (parent, id) => unlessGone(rest.delete(path(parent, `/${id}`))),
      removeHeader: (parent, id, name) =>
        unlessGone(rest.delete(path(parent, `/${id}/custom_headers/${encodeURIComponent(name)}`))),
      test: async (parent, id, trigger) => {
        await rest.post(path(parent, `/${id}/test/${trigger}`));
      },
    };
  }

  return {
    projects: (group, query, number, perPage) =>
      page(group, { ...query, simple: true }, { page: number, perPage }, projectOf),
    projectDetails: (group, query, number, perPage) =>
      page(group, query, { page: number, perPage }, detailsOf),
    standing: createStanding(rest),
    hooks: { project: hookApi("projects"), group: hookApi("groups") },
    logs: { project: createHookLog(rest, "projects"), group: createHookLog(rest, "groups") },
    schedules: scheduleApi(rest),
  };
}

function scheduleApi(rest: Rest): ScheduleApi {
  const path = (project: number | string, more = ""): string =>
    `/projects/${encodeURIComponent(project)}/pipeline_schedules${more}`;
  return {
    list: (project) => collect(rest.list(path(project)), scheduleOf),
    show: async (project, id) => scheduleOf((await rest.get(path(project, `/${id}`))).body),
    create: async (project, body) => scheduleOf((await rest.post(path(project), body)).body),
    edit: async (project, id, body) => scheduleOf((await rest.put(path(project, `/${id}`), body)).body),
    async setVariable(project, id, { key, value, isNew }) {
      if (isNew) await rest.post(path(project, `/${id}/variables`), { key, value });
      else await rest.put(path(project, `/${id}/variables/${encodeURIComponent(key)}`), { value });
    },
    async refKind(project, name) {
      const at = `/projects/${encodeURIComponent(project)}/repository`;
      const exists = async (kind: string): Promise<boolean> =>
        (await unlessAbsent(rest.get(`${at}/${kind}/${encodeURIComponent(name)}`))) !== null;
      return { isBranch: await exists("branches"), isTag: await exists("tags") };
    },
  };
}

function scheduleOf(value: unknown): Schedule {
  const schedule = value as Partial<Schedule> | null;
  if (typeof schedule?.id === "number") return schedule as Schedule;
  throw badAnswer("a schedule");
}

async function unlessAbsent<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof UpstreamError && error.code === "not-found") return null;
    throw error;
  }
}

async function unlessGone(call: Promise<unknown>): Promise<void> {
  await unlessAbsent(call);
}
