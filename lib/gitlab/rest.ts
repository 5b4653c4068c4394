/**
 * GitLab's REST API below /api/v4: verbs, and lists that are read to their end whichever way the server announces the next page.
 * Proxies drop headers: `X-Next-Page`, `Link`, and a page that is full are each enough to go on.
 */
import { UpstreamError } from "../errors.ts";
import type { Incoming, Outgoing, Send } from "./sender.ts";

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** Paths begin with a slash, such as `/projects/42/hooks`. Every method throws what the sender throws. */
export interface Rest {
  get(path: string, query?: Query): Promise<Incoming>;
  post(path: string, body?: unknown): Promise<Incoming>;
  put(path: string, body?: unknown): Promise<Incoming>;
  delete(path: string): Promise<Incoming>;
  /** One page of a list. */
  page(path: string, query: Query, at: PageNumber): Promise<ListPage>;
  /** All items of a list, page after page. */
  list(path: string, query?: Query): AsyncGenerator<unknown, void>;
  /** A file's text, or 304. @param headers such as `if-none-match` */
  file(path: string, query: Query, headers: Readonly<Record<string, string>>): Promise<Incoming>;
}

export interface PageNumber {
  /** From 1. */
  readonly page: number;
  readonly perPage: number;
}

export interface ListPage {
  readonly items: readonly unknown[];
  /** Number of the next page; null: this is the last. */
  readonly next: number | null;
  /** Records on all pages; null: the server does not say (above 10,000, or behind a proxy that drops it). */
  readonly total: number | null;
}

/** GitLab's longest page of most lists. */
export const LONGEST_PAGE = 100;

/** Endpoints with a limit of their own: five a minute, project and user, whatever the rest of the budget says. */
const OWN_LIMIT = /\/hooks\/\d+\/(test\/\w+|events\/\d+\/resend)$/;

export interface RestOptions {
  /** Address of the instance, with or without /api/v4. */
  readonly url: string;
  readonly send: Send;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
}

export function createRest({ url, send, headers = {} }: RestOptions): Rest {
  const api = `${instanceUrl(url)}/api/v4`;
  const apiPath = new URL(api).pathname;

  function call(
    method: Outgoing["method"],
    path: string,
    more: Partial<Outgoing> & { query?: Query },
  ): Promise<Incoming> {
    const { query = {}, ...rest } = more;
    const address = new URL(`${api}/${path.replace(/^\/+/, "")}${queryText(query)}`);
    const { pathname } = address;
    const shown = pathname.slice(apiPath.length);
    const ownLimit = OWN_LIMIT.test(pathname);
    return send({
      method,
      url: address,
      path: shown,
      ownLimit,
      ...rest,
      headers: { ...headers, ...rest.headers },
    });
  }

  async function page(path: string, query: Query, at: PageNumber): Promise<ListPage> {
    const answer = await call("GET", path, { query: { ...query, per_page: at.perPage, page: at.page } });
    if (!Array.isArray(answer.body)) throw badAnswer("a list");
    const total = Number.parseInt(answer.headers["x-total"] ?? "", 10);
    return {
      items: answer.body as unknown[],
      next: nextPage(answer, at),
      total: Number.isNaN(total) ? null : total,
    };
  }

  return {
    get: (path, query = {}) => call("GET", path, { query }),
    post: (path, body = {}) => call("POST", path, { body }),
    put: (path, body = {}) => call("PUT", path, { body }),
    delete: (path) => call("DELETE", path, {}),
    page,
    async *list(path, query = {}) {
      const perPage = Number(query["per_page"] ?? LONGEST_PAGE);
      const pages = new Pages();
      for (let next: number | null = Number(query["page"] ?? 1); next !== null;) {
        const one: ListPage = await page(path, query, { page: next, perPage });
        pages.read(next, one.items);
        yield* one.items;
        next = one.next;
      }
    },
    file: (path, query, more) => call("GET", path, { query, headers: more, isFile: true }),
  };
}

function queryText(query: Query): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
  return given.size === 0 ? "" : `?${given}`;
}

/** The address of an instance without the path of its API and without slashes at its end. */
export function instanceUrl(url: string): string {
  return url
    .replace(/\/+$/, "")
    .replace(/\/api\/v4$/i, "")
    .replace(/\/+$/, "");
}

/** Pages of one list: a million items. */
const MOST_PAGES = 10_000;

/** A server that announces a next page for ever, or answers the same page again, would never be done with. */
export class Pages {
  #first: string | null = null;
  #page = 0;

  /** Throws UpstreamError if the list does not get on. A page may be read again. */
  read(page: number, items: readonly unknown[]): void {
    const first = JSON.stringify((items[0] as { id?: unknown } | undefined)?.id ?? null);
    const isSame = page > 1 && page !== this.#page && first !== "null" && first === this.#first;
    this.#first = first;
    this.#page = page;
    if (!isSame && page <= MOST_PAGES) return;
    const why = isSame ? "page after page is the same" : `it has more than ${MOST_PAGES} pages`;
    throw new UpstreamError("bad-answer", `a list of GitLab does not end: ${why}`, { retryable: false });
  }
}

export function badAnswer(what: string): UpstreamError {
  return new UpstreamError(
    "bad-answer",
    `GitLab's answer is not ${what}: is this address a GitLab instance?`,
    {
      retryable: false,
    },
  );
}

/** All items of a list, in an array. */
export async function collect<T>(items: AsyncIterable<unknown>, one: (item: unknown) => T): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(one(item));
  return all;
}

/**
 * The page after this one, as `X-Next-Page` or `Link` names it. If neither header came, the totals tell, and without them a full page
 * means that there may be more: one request too many at the end costs less than a list that is cut short.
 */
export function nextPage({ headers, body }: Incoming, { page, perPage }: PageNumber): number | null {
  const named = later(headers["x-next-page"], page) ?? later(linkedPage(headers["link"], page), page);
  if (named !== null) return named;
  if (!Array.isArray(body) || body.length === 0) return null;
  // The count outranks a full page that calls itself the last.
  if (body.length >= perPage && count(headers["x-total"]) > page * perPage) return page + 1;
  if (headers["x-next-page"] !== undefined || headers["link"] !== undefined) return null;
  if (count(headers["x-total-pages"]) > page) return page + 1;
  // A server may have a lower limit than what was asked for.
  const size = Math.min(perPage, count(headers["x-per-page"]) || perPage);
  const isFull = body.length >= size || count(headers["x-total"]) > page * body.length;
  return isFull ? page + 1 : null;
}

/** 0 if the header is missing or no number. */
function count(text: string | undefined): number {
  return Number.parseInt(text ?? "", 10) || 0;
}

/** A page that does not lead on would be read for ever. */
function later(text: string | undefined, page: number): number | null {
  const number = Number.parseInt(text ?? "", 10);
  return number > page ? number : null;
}

/** The page of `<https://...?page=3&per_page=100>; rel="next"`; a link without a number leads to the next one. */
function linkedPage(link: string | undefined, page: number): string | undefined {
  for (const entry of (link ?? "").split(/,\s{0,10}(?=<)/)) {
    const [, target = "", parameters = ""] = /^\s{0,10}<([^>]{1,8000})>(.{0,1000})$/s.exec(entry) ?? [];
    if (!/;\s{0,10}rel\s{0,10}=\s{0,10}"?[^"]{0,200}\bnext\b/i.test(parameters)) continue;
    if (!URL.canParse(target, "https://gitlab.invalid")) continue;
    return new URL(target, "https://gitlab.invalid").searchParams.get("page") ?? String(page + 1);
  }
  return undefined;
}
