/** Which route of the operator's side a request is for, known before its handler runs. */
import { matchedRoutes } from "hono/route";
import type { AdminContext } from "./ports.ts";

export interface MatchedRoute {
  readonly method: string;
  /** As it was written, such as `/events/:id`. */
  readonly path: string;
}

/** Null: none answers, and there will be a 404. */
export function matchedRoute(c: AdminContext): MatchedRoute | null {
  // What is registered for a whole subtree is middleware.
  return matchedRoutes(c).find(({ method, path }) => method !== "ALL" && !path.endsWith("*")) ?? null;
}
