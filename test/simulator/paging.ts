/** Offset paging as GitLab does it: 20 a page, at most 100, totals left out above 10,000 records, and Link headers. */
import type { Ctx } from "./http.ts";
import { invalid } from "./http.ts";

export const DEFAULT_PER_PAGE = 20;
export const MAX_PER_PAGE = 100;
/** Above it, counting costs too much: no totals, no last page. */
export const COUNT_LIMIT = 10_000;

export interface PageRequest {
  readonly page: number;
  readonly perPage: number;
}

/** `page` and `per_page` of a request. Throws 400 where one is no positive number. */
export function pageRequest(c: Ctx, perPage = DEFAULT_PER_PAGE): PageRequest {
  return { page: positive(c, "page", 1), perPage: Math.min(MAX_PER_PAGE, positive(c, "per_page", perPage)) };
}

function positive(c: Ctx, name: string, fallback: number): number {
  const text = c.req.query(name);
  if (text === undefined) return fallback;
  if (!/^-?\d+$/.test(text)) throw invalid(400, `${name} is invalid`);
  if (Number(text) < 1) throw invalid(400, `${name} does not have a valid value`);
  return Number(text);
}

/** Sets the paging headers and returns the records of the page asked for. */
export function paginate<T>(
  c: Ctx,
  records: readonly T[],
  baseUrl: string,
  request = pageRequest(c),
): readonly T[] {
  writePageHeaders(c, records.length, baseUrl, request);
  const start = (request.page - 1) * request.perPage;
  return records.slice(start, start + request.perPage);
}

/** @param total records in all, on all pages */
export function writePageHeaders(c: Ctx, total: number, baseUrl: string, request: PageRequest): void {
  const { page, perPage } = request;
  const pages = Math.max(1, Math.ceil(total / perPage));
  const next = page < pages ? page + 1 : null;
  const previous = page > 1 ? page - 1 : null;
  const counted = total <= COUNT_LIMIT;
  c.header("X-Per-Page", String(perPage));
  c.header("X-Page", String(page));
  c.header("X-Next-Page", next === null ? "" : String(next));
  c.header("X-Prev-Page", previous === null ? "" : String(previous));
  if (counted) {
    c.header("X-Total", String(total));
    c.header("X-Total-Pages", String(pages));
  }
  const links: string[] = [];
  const add = (to: number | null, rel: string): void => {
    if (to !== null) links.push(`<${pageUrl(c, baseUrl, to, perPage)}>; rel="${rel}"`);
  };
  add(previous, "prev");
  add(next, "next");
  add(1, "first");
  if (counted) add(pages, "last");
  c.header("Link", links.join(", "));
}

function pageUrl(c: Ctx, baseUrl: string, page: number, perPage: number): string {
  const asked = new URL(c.req.url);
  asked.searchParams.set("page", String(page));
  asked.searchParams.set("per_page", String(perPage));
  asked.searchParams.sort();
  return new URL(`${asked.pathname}${asked.search}`, baseUrl).href;
}
