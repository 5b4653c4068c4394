/**
 * GitLab's REST API for handlers: a few verbs, paced by what GitLab says is left of its limits, with several tokens of which the
 * next one takes over when one is used up or refused.
 *
 * Nothing is repeated here except with another token, after an answer that says nothing was done (401, 403 of a limit, 429): a
 * handler that throws is tried again by its target's schedule, not before the time that GitLab asked for.
 */
import { UpstreamError, messageOf } from "../../../lib/errors.ts";

export interface GitlabAnswer {
  readonly status: number;
  /** The parsed JSON; null for an empty body. */
  readonly data: unknown;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
}

type Query = Readonly<Record<string, string | number | boolean>>;

/** Paths are below /api/v4, such as `/projects/42/merge_requests/7`. Rejects with an UpstreamError for anything but 2xx. */
export interface GitlabClient {
  get(path: string, query?: Query): Promise<GitlabAnswer>;
  post(path: string, body?: unknown): Promise<GitlabAnswer>;
  put(path: string, body?: unknown): Promise<GitlabAnswer>;
  delete(path: string): Promise<GitlabAnswer>;
  /** All items of a list, page after page. */
  list(path: string, query?: Query): AsyncGenerator<unknown>;
}

export interface GitlabClientOptions {
  /** Address of the GitLab. */
  readonly url: string;
  readonly tokens: readonly string[];
  /** `X-Gitlab-Event-UUID` of the event that is handled, for GitLab to recognise loops. */
  readonly eventUuid: string | null;
  readonly signal: AbortSignal;
}

export interface GitlabClientDeps {
  readonly fetch: typeof fetch;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  /** What is known of each token's limits; shared by all clients of a target. */
  readonly budgets: Map<string, TokenBudget>;
}

export interface TokenBudget {
  /** Requests left, as last told. */
  remaining: number;
  /** Wall clock, milliseconds, before which the token is not used. */
  restUntil: number;
}

const PER_PAGE = 100;
/** A token that is refused is left alone for so long. */
const REFUSED_MS = 60_000;
/** Where GitLab says that it limits, but not for how long. */
const DEFAULT_REST_MS = 60_000;
const LONGEST_MESSAGE = 300;

export function createGitlabClient(options: GitlabClientOptions, deps: GitlabClientDeps): GitlabClient {
  const api = `${options.url.replace(/\/+$/, "")}/api/v4`;

  async function call(method: string, path: string, query: Query, body: unknown): Promise<GitlabAnswer> {
    const url = new URL(`${api}/${path.replace(/^\/+/, "")}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
    for (;;) {
      const token = nextToken(options.tokens, deps);
      const answer = await send(url, method, token, body);
      note(deps, token, answer);
      if (answer.status >= 200 && answer.status < 300) return await parsed(answer);
      const mayTryAnother = answer.status === 429 || answer.status === 401;
      if (mayTryAnother && hasRested(options.tokens, deps)) {
        await answer.body?.cancel();
        continue;
      }
      throw await failure(answer, `${method} ${url.pathname}`, deps.now());
    }
  }

  async function send(url: URL, method: string, token: string, body: unknown): Promise<Response> {
    const headers: Record<string, string> = { "private-token": token, accept: "application/json" };
    if (options.eventUuid !== null) headers["x-gitlab-event-uuid"] = options.eventUuid;
    if (body !== undefined) headers["content-type"] = "application/json";
    try {
      return await deps.fetch(url, {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        redirect: "manual",
        signal: options.signal,
      });
    } catch (error) {
      if (options.signal.aborted) throw error;
      // The cause may hold the request with its token: only its message goes on.
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
      throw new UpstreamError("gitlab-away", `Cannot reach GitLab: ${messageOf(cause)}`, { retryable: true });
    }
  }

  return {
    get: (path, query = {}) => call("GET", path, query, undefined),
    post: (path, body) => call("POST", path, {}, body),
    put: (path, body) => call("PUT", path, {}, body),
    delete: (path) => call("DELETE", path, {}, undefined),
    async *list(path, query = {}) {
      for (let page = "1"; page !== "";) {
        const answer = await call("GET", path, { per_page: PER_PAGE, ...query, page }, undefined);
        if (!Array.isArray(answer.data)) throw new TypeError(`GET ${path} answered no list`);
        yield* answer.data as unknown[];
        page = answer.headers.get("x-next-page") ?? "";
      }
    },
  };
}

function budgetOf(deps: GitlabClientDeps, token: string): TokenBudget {
  let budget = deps.budgets.get(token);
  if (budget === undefined) {
    budget = { remaining: Number.POSITIVE_INFINITY, restUntil: 0 };
    deps.budgets.set(token, budget);
  }
  return budget;
}

/** The token with most requests left; throws where every one of them has to rest. */
function nextToken(tokens: readonly string[], deps: GitlabClientDeps): string {
  const now = deps.now();
  const usable = tokens.filter((token) => budgetOf(deps, token).restUntil <= now);
  const [first] = usable.toSorted((a, b) => budgetOf(deps, b).remaining - budgetOf(deps, a).remaining);
  if (first !== undefined) return first;
  const until = Math.min(...tokens.map((token) => budgetOf(deps, token).restUntil));
  throw new UpstreamError("gitlab-limit", "GitLab's rate limit is used up for every token", {
    status: 429,
    retryable: true,
    retryAfterMs: until - now,
  });
}

function hasRested(tokens: readonly string[], deps: GitlabClientDeps): boolean {
  return tokens.some((token) => budgetOf(deps, token).restUntil <= deps.now());
}

function note(deps: GitlabClientDeps, token: string, answer: Response): void {
  const budget = budgetOf(deps, token);
  const header = (name: string): number => Number(answer.headers.get(name) ?? Number.NaN);
  const remaining = header("ratelimit-remaining");
  if (!Number.isNaN(remaining)) budget.remaining = remaining;
  const reset = header("ratelimit-reset") * 1000;
  if (answer.status === 429) {
    const rest = retryAfterMs(answer, deps.now());
    budget.remaining = 0;
    budget.restUntil = deps.now() + (rest ?? DEFAULT_REST_MS);
  } else if (answer.status === 401) {
    budget.restUntil = deps.now() + REFUSED_MS;
  } else if (remaining <= 0 && reset > deps.now()) {
    budget.restUntil = reset;
  }
}

function retryAfterMs(answer: Response, now: number): number | null {
  const value = answer.headers.get("retry-after");
  if (value === null) return null;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - now) / 1000;
  return Number.isNaN(seconds) ? null : Math.max(0, seconds * 1000);
}

async function parsed(answer: Response): Promise<GitlabAnswer> {
  const text = await answer.text();
  return {
    status: answer.status,
    data: text === "" ? null : (JSON.parse(text) as unknown),
    headers: new Map(answer.headers),
  };
}

async function failure(answer: Response, what: string, now: number): Promise<UpstreamError> {
  const text = (await answer.text()).slice(0, LONGEST_MESSAGE);
  const wait = retryAfterMs(answer, now);
  return new UpstreamError("gitlab", `${what} answered ${answer.status}: ${text}`, {
    status: answer.status,
    retryable: answer.status === 429 || answer.status >= 500,
    ...(wait === null ? {} : { retryAfterMs: wait }),
  });
}
