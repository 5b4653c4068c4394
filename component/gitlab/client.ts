/**
 * GitLab's REST API in the installer's words, on @gitbeaker/rest with our own way of sending. The only file that knows the
 * library. Every method throws UpstreamError or RunStopped, and nothing that carries a request or a token.
 */
import {
  GroupHooks,
  Groups,
  PipelineSchedules,
  PipelineScheduleVariables,
  ProjectHooks,
} from "@gitbeaker/rest";
import { UpstreamError } from "../../lib/errors.ts";
import { createHookLog, type HookLogApi, type LogRequester } from "./hook-log.ts";
import type { Incoming, Outgoing, Send } from "../../lib/gitlab/sender.ts";
import { createStanding, type Requester, type StandingApi } from "./standing.ts";
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
    key: string,
    value: string,
    exists: boolean,
  ): Promise<void>;
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

/** Endpoints with a limit of their own: five a minute, project and user, whatever the rest of the budget says. */
const OWN_LIMIT = /\/hooks\/\d+\/(test\/\w+|events\/\d+\/resend)$/;

type Method = Outgoing["method"];
interface RequestOptions {
  readonly body?: unknown;
  readonly searchParams?: Readonly<Record<string, unknown>>;
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The library's `requesterFn`: every resource sends through `send`. */
function requesterWith(send: Send): unknown {
  return (resource: { readonly url: string }) => {
    const call =
      (method: Method) =>
      (endpoint: string, options: RequestOptions = {}): Promise<Incoming> => {
        const url = new URL(`${resource.url.replace(/\/+$/, "")}/${endpoint.replace(/^\/+/, "")}`);
        for (const [name, value] of Object.entries(options.searchParams ?? {})) {
          if (value !== undefined) url.searchParams.set(snake(name), String(value));
        }
        return send({
          method,
          url,
          path: url.pathname.replace(/^.*\/api\/v4(?=\/)/, ""),
          ownLimit: OWN_LIMIT.test(url.pathname),
          ...(method === "POST" || method === "PUT" ? { body: options.body ?? {} } : {}),
        });
      };
    return {
      get: call("GET"),
      post: call("POST"),
      put: call("PUT"),
      patch: call("PATCH"),
      delete: call("DELETE"),
    };
  };
}

function badAnswer(what: string): UpstreamError {
  return new UpstreamError(
    "bad-answer",
    `GitLab's answer is not ${what}: is --gitlab-url a GitLab instance?`,
    {
      retryable: false,
    },
  );
}

function hookOf(value: unknown): Hook {
  const hook = value as Partial<Hook> | null;
  if (typeof hook?.id === "number" && typeof hook.url === "string") return hook as Hook;
  throw badAnswer("a hook");
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
  return { ...projectOf(value), archived: raw["archived"] === true, deletionScheduled: scheduled !== null };
}

/** @param url address of the instance, without /api/v4 */
export function createGitLab(url: string, send: Send): GitLab {
  const options = {
    host: url.replace(/\/+$/, ""),
    token: "set per request",
    queryTimeout: 0,
    rateLimits: {},
  };
  const config = { ...options, requesterFn: requesterWith(send) } as ConstructorParameters<
    typeof Groups<false>
  >[0];
  const groups = new Groups(config);
  const schedules = new PipelineSchedules(config);
  const variables = new PipelineScheduleVariables(config);

  async function page<T>(
    group: string,
    query: ProjectQuery,
    number: number,
    perPage: number,
    one: (item: unknown) => T,
  ): Promise<Page<T>> {
    const asked = { ...query, includeSubgroups: true, orderBy: "id", sort: "asc", perPage, page: number };
    const { data, paginationInfo } = (await groups.allProjects(group, {
      ...asked,
      showExpanded: true,
    } as Parameters<typeof groups.allProjects>[1])) as unknown as {
      data: unknown;
      paginationInfo?: { next: number | null; total: number };
    };
    const total = paginationInfo?.total ?? Number.NaN;
    return {
      items: listOf(data, one),
      next: paginationInfo?.next ?? null,
      total: Number.isNaN(total) ? null : total,
    };
  }

  function hookApi(resource: ProjectHooks | GroupHooks): HookApi {
    const { requester } = resource;
    const path = (parent: number | string, rest: string): string =>
      `${encodeURIComponent(parent)}/hooks/${rest}`;
    return {
      list: async (parent) => listOf(await resource.all(parent, { perPage: 100 }), hookOf),
      show: async (parent, id) => hookOf(await resource.show(parent, id)),
      create: async (parent, { url: hookUrl, ...body }) =>
        hookOf(await resource.add(parent, String(hookUrl), body)),
      edit: async (parent, id, { url: hookUrl, ...body }) =>
        hookOf(await resource.edit(parent, id, String(hookUrl), body)),
      remove: (parent, id) => unlessGone(resource.remove(parent, id)),
      removeHeader: (parent, id, name) =>
        unlessGone(requester.delete(path(parent, `${id}/custom_headers/${encodeURIComponent(name)}`))),
      test: async (parent, id, trigger) => {
        await requester.post(path(parent, `${id}/test/${trigger}`));
      },
    };
  }

  const hooks = { project: new ProjectHooks(config), group: new GroupHooks(config) };
  const logOf = ({ requester }: ProjectHooks | GroupHooks): HookLogApi =>
    createHookLog(requester as unknown as LogRequester);
  return {
    projects: (group, query, number, perPage) =>
      page(group, { ...query, simple: true }, number, perPage, projectOf),
    projectDetails: (group, query, number, perPage) => page(group, query, number, perPage, detailsOf),
    standing: createStanding(groups.requester as unknown as Requester),
    hooks: { project: hookApi(hooks.project), group: hookApi(hooks.group) },
    logs: { project: logOf(hooks.project), group: logOf(hooks.group) },
    schedules: {
      list: async (project) => listOf(await schedules.all(project, { perPage: 100 }), (s) => s as Schedule),
      show: async (project, id) => (await schedules.show(project, id)) as unknown as Schedule,
      create: async (project, { description, ref, cron, ...body }) =>
        (await schedules.create(project, description, ref, cron, body)) as unknown as Schedule,
      edit: async (project, id, body) => (await schedules.edit(project, id, body)) as unknown as Schedule,
      async setVariable(project, id, key, value, exists) {
        if (exists) await variables.edit(project, id, key, value);
        else await variables.create(project, id, key, value);
      },
    },
  };
}

async function unlessGone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof UpstreamError && error.code === "not-found")) throw error;
  }
}
