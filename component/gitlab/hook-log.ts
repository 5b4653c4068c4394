/**
 * GitLab's log of a hook's deliveries: reading it page by page, and having one row sent again. Rows come newest first, 20 at
 * most, by offset: a row that is written meanwhile shifts the others, so that some come twice and none is left out.
 */
import { badAnswer, type Rest } from "../../lib/gitlab/rest.ts";

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

export function createHookLog(rest: Rest, parents: "projects" | "groups"): HookLogApi {
  const path = (parent: number | string, hookId: number, more = ""): string =>
    `/${parents}/${encodeURIComponent(parent)}/hooks/${hookId}/events${more}`;
  return {
    async page(parent, hookId, page) {
      const at = { page, perPage: LOG_PAGE_ROWS };
      const { items, next } = await rest.page(path(parent, hookId), {}, at);
      return { rows: items.map(rowOf), last: next === null };
    },
    async resend(parent, hookId, rowId) {
      const { body } = await rest.post(path(parent, hookId, `/${rowId}/resend`));
      const status = (body as { response_status?: unknown } | null)?.response_status;
      if (typeof status !== "number" && typeof status !== "string") throw badAnswer("a resent delivery");
      return String(status);
    },
  };
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
