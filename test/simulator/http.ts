/** What all routes of the API share: its errors, its parameters, who is asking. */
import type { Context } from "hono";
import type { HttpBindings } from "@hono/node-server";
import type { Token, User } from "./model.ts";
import type { Json } from "./params.ts";
import { isObject, mergeParams, parseNested } from "./params.ts";

export interface SimEnv {
  Bindings: HttpBindings;
  Variables: { token: Token | null; user: User | null };
}

export type Ctx = Context<SimEnv>;

/** An answer other than success; thrown by routes, written by the application. */
export class ApiError extends Error {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) {
    super(`${status} ${JSON.stringify(body)}`);
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

/** `{"message": ...}`: how most refusals look. */
export function refusal(status: number, message: unknown): ApiError {
  return new ApiError(status, { message });
}

/** `{"error": "..."}`: how the framework below GitLab's API words what it refuses itself. */
export function invalid(status: number, error: string): ApiError {
  return new ApiError(status, { error });
}

export const unauthorized = (): ApiError => refusal(401, "401 Unauthorized");
export const forbidden = (): ApiError => refusal(403, "403 Forbidden");
export const notFound = (what?: string): ApiError =>
  refusal(404, what === undefined ? "404 Not found" : `404 ${what} Not Found`);

/** Query, then body (JSON, form or multipart), later ones winning. Throws 400 on JSON that does not parse. */
export async function readParams(c: Ctx): Promise<Json> {
  const query = parseNested(new URL(c.req.url).searchParams);
  if (c.req.method === "GET" || c.req.method === "HEAD") return query;
  const type = (c.req.header("content-type") ?? "").toLowerCase();
  if (type.startsWith("multipart/form-data")) {
    const form = new URLSearchParams();
    for (const [key, value] of (await c.req.formData()).entries()) {
      form.append(key, typeof value === "string" ? value : await value.text());
    }
    return mergeParams(query, parseNested(form));
  }
  const text = await c.req.text();
  if (text.trim() === "") return query;
  if (type.includes("json")) {
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch {
      throw invalid(400, "message body does not match declared format");
    }
    if (!isObject(body)) throw invalid(400, "The params are invalid");
    return mergeParams(query, body);
  }
  if (type.startsWith("application/x-www-form-urlencoded")) {
    return mergeParams(query, parseNested(new URLSearchParams(text)));
  }
  throw invalid(415, `The provided content-type '${type}' is not supported.`);
}

/** The last part of a path as an id. Throws 400 where it is not a number. */
export function idParam(c: Ctx, name: string): number {
  const text = c.req.param(name) ?? "";
  if (!/^\d+$/.test(text)) throw invalid(400, `${name} is invalid`);
  return Number(text);
}

/** Time as the API writes it: ISO 8601 with milliseconds; null stays null. */
export function isoTime(ms: number): string;
export function isoTime(ms: number | null): string | null;
export function isoTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
