/**
 * GitLab's REST API for handlers: the client of lib/gitlab, which never waits and repeats nothing except with another token. A handler
 * that throws is tried again by its target's schedule, not before the time that GitLab asked for.
 */
import type { Clock } from "../../../lib/clock.ts";
import type { Gate } from "../../../lib/gitlab/budget.ts";
import { createImpatientGate } from "../../../lib/gitlab/impatient-gate.ts";
import { createRest, type Query } from "../../../lib/gitlab/rest.ts";
import { createSender, type Incoming } from "../../../lib/gitlab/sender.ts";
import type { Transport } from "../../../lib/gitlab/transport.ts";
import { createSecrets } from "../../../lib/log.ts";

export interface GitlabAnswer {
  readonly status: number;
  /** The parsed JSON; the text of an answer that is not JSON, such as a raw file; null for an empty body. */
  readonly data: unknown;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
}

/** Paths are below /api/v4, such as `/projects/42/merge_requests/7`. Rejects with an UpstreamError for anything but 2xx. */
export interface GitlabClient {
  get(path: string, query?: Query): Promise<GitlabAnswer>;
  post(path: string, body?: unknown): Promise<GitlabAnswer>;
  put(path: string, body?: unknown): Promise<GitlabAnswer>;
  delete(path: string): Promise<GitlabAnswer>;
  /** All items of a list, page after page. */
  list(path: string, query?: Query): AsyncGenerator<unknown>;
}

export interface HandlerGitlab {
  readonly url: string;
  readonly tokens: readonly string[];
}

export interface GitlabCall {
  /** `X-Gitlab-Event-UUID` of the event that is handled, for GitLab to recognise loops. */
  readonly eventUuid: string | null;
  readonly signal: AbortSignal;
}

/** Makes the client for one event. */
export type ClientOf = (call: GitlabCall) => GitlabClient;

/** Endpoints that answer with a file or a text. */
const PLAIN = /\/(?:raw|trace|raw_diffs)$/;

/** The clients of a target: they share what is known of the tokens' limits. */
export function createGitlabClients(
  { url, tokens }: HandlerGitlab,
  { transport, clock }: { readonly transport: Transport; readonly clock: Clock },
): ClientOf {
  const budget: Gate = createImpatientGate(tokens, clock);
  const secrets = createSecrets();
  secrets.add(tokens);
  return function clientOf({ eventUuid, signal }) {
    const send = createSender({
      transport,
      clock,
      budget,
      random: () => 0,
      mask: secrets.mask,
      attempts: 1,
      addressName: "gitlab.url",
      signal,
    });
    const headers: Record<string, string> = eventUuid === null ? {} : { "x-gitlab-event-uuid": eventUuid };
    const rest = createRest({ url, send, headers });
    return {
      async get(path, query = {}) {
        return answerOf(await (PLAIN.test(path) ? rest.file(path, query, {}) : rest.get(path, query)));
      },
      post: async (path, body) => answerOf(await rest.post(path, body)),
      put: async (path, body) => answerOf(await rest.put(path, body)),
      delete: async (path) => answerOf(await rest.delete(path)),
      list: (path, query) => rest.list(path, query),
    };
  };
}

function answerOf({ status, headers, body }: Incoming): GitlabAnswer {
  return { status, data: body, headers: new Map(Object.entries(headers)) };
}
