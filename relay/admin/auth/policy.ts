/**
 * What each route of the operator's side needs. A route that is not listed is for administrators alone; a test compares the table
 * with the routes that there are.
 */
import type { Permission } from "./roles.ts";

const POLICY: ReadonlyMap<string, Permission> = new Map(
  Object.entries({
    "GET /": "read",
    "GET /events": "read",
    "GET /events/replay": "act",
    "POST /events/replay": "act",
    "GET /events/:id": "read",
    "GET /events/:id/preview": "read-bodies",
    "POST /events/:id/replay": "act",
    "POST /events/:id/delete": "administer",
    "GET /dead": "read",
    "POST /dead/replay": "act",
    "GET /targets": "read",
    "GET /targets/:name": "read",
    "POST /targets/:name/move": "act",
    "POST /targets/:name/pause": "act",
    "POST /targets/:name/resume": "act",
    "GET /replays": "read",
    "GET /replays/:id": "read",
    "POST /replays/:id/pause": "act",
    "POST /replays/:id/resume": "act",
    "POST /replays/:id/cancel": "act",
    "GET /activity": "read",
    "GET /audit": "administer",
    "POST /logout": "read",
    "GET /api/v1/events": "read",
    "GET /api/v1/events/export": "read-bodies",
    "GET /api/v1/events/follow": "read",
    "GET /api/v1/events/:id": "read",
    "GET /api/v1/events/:id/body": "read-bodies",
    "POST /api/v1/events/:id/replay": "act",
    "POST /api/v1/events/replay": "act",
    "POST /api/v1/dead/replay": "act",
    "DELETE /api/v1/events/:id": "administer",
    "GET /api/v1/targets": "read",
    "POST /api/v1/targets/:name/pause": "act",
    "POST /api/v1/targets/:name/resume": "act",
    "POST /api/v1/targets/:name/move": "act",
    "POST /api/v1/targets/:name/preview": "read-bodies",
    "GET /api/v1/replays": "read",
    "POST /api/v1/replays": "act",
    "GET /api/v1/replays/:id": "read",
    "POST /api/v1/replays/:id/pause": "act",
    "POST /api/v1/replays/:id/resume": "act",
    "POST /api/v1/replays/:id/cancel": "act",
    "GET /api/v1/project-files": "read",
    "GET /api/v1/attention": "read",
    "GET /api/v1/recovery": "read",
    "GET /api/v1/activity": "read",
    "GET /api/v1/stream": "read",
    "GET /api/v1/openapi.json": "read",
    "GET /api/v1/audit": "administer",
    "GET /api/v1/audit/export": "administer",
  } satisfies Record<string, Permission>),
);

/** @param route method and path as the route was written, such as `POST /events/:id/replay` */
export function permissionFor(route: string): Permission {
  return POLICY.get(route) ?? "administer";
}

/** The routes that are listed, for the test. */
export const listedRoutes = (): readonly string[] => [...POLICY.keys()];
