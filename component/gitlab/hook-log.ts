/**
 * GitLab's log of a hook's deliveries: reading it page by page, and having one row sent again. Rows come newest first, 20 at
 * most, by offset: a row that is written meanwhile shifts the others, so that some come twice and none is left out.
 */
import { UpstreamError } from "../../lib/errors.ts";
import type { Incoming } from "../../lib/gitlab/sender.ts";

/** GitLab's longest page of this list. */
export const LOG_PAGE_ROWS = 20;

/** One attempt as GitLab logged it. */
export interface LogRow {
  readonly id: number;
  /** `push_hooks`. */
  readonly trigger: string;
  /** The hook's address when it was called, with `{masks}`. */
  readonly url: string;
  /** As sent, but for the secret token and the values of custom headers. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  /** A status as text; transport failures are words, such as `internal error`. */
  readonly status: string;
  /** Wall clock at the end of the attempt, milliseconds; null: this GitLab does not say. */
  readonly at: number | null;
  readonly durationMs: number;
}

export interface LogPage {
  readonly rows: readonly LogRow[];
  /** There are no older rows. */
  readonly last: boolean;
}

export interface HookLogApi {
  /** @param page from 1 */
  page(parent: number | string, hookId: number, page: number): Promise<LogPage>;
  /** Has one row sent again; answers the status that the receiver gave, as text. */
  resend(parent: number | string, hookId: number, rowId: number): Promise<string>;
}

/** What this needs of the client library. */
export interface LogRequester {
  get(path: string, options: { readonly searchParams: Readonly<Record<string, number>> }): Promise<unknown>;
  post(path: string): Promise<unknown>;
}

export function createHookLog(requester: LogRequester): HookLogApi {
  const path = (parent: number | string, hookId: number, rest: string): string =>
    `${encodeURIComponent(parent)}/hooks/${hookId}/events${rest}`;
  return {
    async page(parent, hookId, page) {
      const answer = (await requester.get(path(parent, hookId, ""), {
        searchParams: { perPage: LOG_PAGE_ROWS, page },
      })) as Incoming;
      if (!Array.isArray(answer.body)) throw badAnswer("a log of deliveries");
      const rows = answer.body.map(rowOf);
      const next = answer.headers["x-next-page"];
      return { rows, last: next === undefined ? rows.length < LOG_PAGE_ROWS : next.trim() === "" };
    },
    async resend(parent, hookId, rowId) {
      const { body } = (await requester.post(path(parent, hookId, `/${rowId}/resend`))) as Incoming;
      const status = (body as { response_status?: unknown } | null)?.response_status;
      if (typeof status !== "number" && typeof status !== "string") throw badAnswer("a resent delivery");
      return String(status);
    },
  };
}

function badAnswer(what: string): UpstreamError {
  return new UpstreamError("bad-answer", `GitLab's answer is not ${what}`, { retryable: false });
}

function rowOf(value: unknown): LogRow {
  const raw = (value ?? {}) as Record<string, unknown>;
  if (typeof raw["id"] !== "number") throw badAnswer("a log of deliveries");
  const headers = (raw["request_headers"] ?? {}) as Record<string, unknown>;
  const at = Date.parse(String(raw["created_at"]));
  const duration = Number(raw["execution_duration"] ?? 0);
  return {
    id: raw["id"],
    trigger: String(raw["trigger"] ?? ""),
    url: String(raw["url"] ?? ""),
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, text]) => [name.toLowerCase(), String(text)]),
    ),
    body: raw["request_data"] ?? null,
    status: String(raw["response_status"] ?? ""),
    at: Number.isNaN(at) ? timestampOf(headers) : at,
    durationMs: Number.isFinite(duration) ? duration * 1000 : 0,
  };
}

/** Since 19.0 an attempt carries the time when it was made. */
function timestampOf(headers: Readonly<Record<string, unknown>>): number | null {
  const seconds = Number(headers["webhook-timestamp"]);
  return Number.isInteger(seconds) && seconds > 0 ? seconds * 1000 : null;
}
