/**
 * @gitbeaker/rest's resources on our own way of sending. The library knows GitLab's paths and parameters; how a request is sent, what
 * it costs of the budget and where a list goes on is ours (lib/gitlab). The only file that knows the library.
 *
 * gitbeaker follows a list by `Link` alone and tells the next page from `X-Next-Page` alone. A proxy may drop either, so both are
 * written anew from whatever announced the page.
 */
import {
  Branches,
  GroupHooks,
  Groups,
  PipelineSchedules,
  PipelineScheduleVariables,
  ProjectHooks,
  Tags,
} from "@gitbeaker/rest";
import { instanceUrl, LONGEST_PAGE, nextPage, Pages, type Query, type Rest } from "../../lib/gitlab/rest.ts";
import type { Incoming } from "../../lib/gitlab/sender.ts";

const API = "/api/v4";

interface RequestOptions {
  readonly body?: unknown;
  readonly searchParams?: Readonly<Record<string, string | number | boolean | undefined>>;
}

export interface Resources {
  readonly groups: Groups<false>;
  readonly projectHooks: ProjectHooks<false>;
  readonly groupHooks: GroupHooks<false>;
  readonly schedules: PipelineSchedules<false>;
  readonly scheduleVariables: PipelineScheduleVariables<false>;
  readonly branches: Branches<false>;
  readonly tags: Tags<false>;
}

/** @param url address of the instance. Every call of a resource throws what `rest` throws. */
export function createResources(url: string, rest: Rest): Resources {
  const config = {
    host: instanceUrl(url),
    token: "set by the sender",
    queryTimeout: 0,
    rateLimits: {},
    requesterFn: (resource: { readonly url: string }) => requesterOn(resource.url, rest),
  } as unknown as ConstructorParameters<typeof Groups<false>>[0];
  return {
    groups: new Groups(config),
    projectHooks: new ProjectHooks(config),
    groupHooks: new GroupHooks(config),
    schedules: new PipelineSchedules(config),
    scheduleVariables: new PipelineScheduleVariables(config),
    branches: new Branches(config),
    tags: new Tags(config),
  };
}

/**
 * The library's requester for one resource.
 * @param base what the library puts in front of every path, such as `https://gitlab.example.com/api/v4/projects`
 */
function requesterOn(base: string, rest: Rest): unknown {
  const prefix = base.slice(base.indexOf(API) + API.length);
  const path = (endpoint: string): string => `${prefix}/${endpoint}`;
  /** Lists that are being read, by their path and query. */
  const lists = new Map<string, Pages>();

  /** Throws if the list does not get on. */
  function follow(endpoint: string, { page = 1, ...query }: Query, { body, headers }: Incoming): void {
    if (!Array.isArray(body)) return;
    const isWhole = Number(page) === 1 && headers["x-next-page"] === "";
    // Most lists are one page, and nothing is left of them.
    if (isWhole) return;
    const list = `${endpoint}?${JSON.stringify(query)}`;
    const pages = Number(page) === 1 ? new Pages() : (lists.get(list) ?? new Pages());
    pages.read(Number(page), body);
    if (headers["x-next-page"] === "") lists.delete(list);
    else lists.set(list, pages);
  }

  return {
    async get(endpoint: string, { searchParams = {} }: RequestOptions = {}) {
      const query = Object.fromEntries(
        Object.entries(searchParams).map(([name, value]) => [snake(name), value]),
      );
      const answer = withNextPage(await rest.get(path(endpoint), query), query);
      follow(endpoint, query, answer);
      return answer;
    },
    post: (endpoint: string, { body }: RequestOptions = {}) => rest.post(path(endpoint), body),
    put: (endpoint: string, { body }: RequestOptions = {}) => rest.put(path(endpoint), body),
    delete: (endpoint: string) => rest.delete(path(endpoint)),
  };
}

/** The answer with `Link` and `X-Next-Page` as nextPage() understands it; unchanged if it is no list. */
function withNextPage(answer: Incoming, query: Query): Incoming {
  if (!Array.isArray(answer.body)) return answer;
  const at = { page: Number(query["page"] ?? 1), perPage: Number(query["per_page"] ?? LONGEST_PAGE) };
  const next = nextPage(answer, at);
  const { link: _link, ...headers } = answer.headers;
  if (next === null) return { ...answer, headers: { ...headers, "x-next-page": "" } };
  // Of the address, the library reads the query alone.
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...query, page: next }))
    if (value !== undefined) asked.set(name, String(value));
  return {
    ...answer,
    headers: { ...headers, link: `<?${asked}>; rel="next"`, "x-next-page": String(next) },
  };
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
