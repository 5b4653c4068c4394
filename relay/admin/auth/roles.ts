/**
 * What people may do on the operator's side. Each role has everything that the one before it may do; which one someone has follows
 * from the groups they are a member of. The admin token is an administrator.
 */
import { compileGlobs } from "../../../lib/glob.ts";
import { ROLES, type RolesSettings } from "../../config/sign-in.ts";

export type Role = (typeof ROLES)[number];

/** What a route needs. */
export type Permission = "read" | "read-bodies" | "act" | "administer";

export interface Person {
  /** As other people know them; `token` for the admin token. */
  readonly name: string;
  readonly role: Role;
  readonly via: "token" | "oidc" | "proxy";
}

export const TOKEN_HOLDER: Person = { name: "token", role: "admin", via: "token" };

/**
 * The highest role that membership gives; null: none, so they are not let in. Paths of groups are the same in upper and lower case, as
 * in GitLab; some providers put a slash before them.
 */
export function roleOf(memberOf: readonly string[], settings: RolesSettings): Role | null {
  const paths = memberOf.map(withoutSlashes);
  const earned = ROLES.toReversed().find((role) =>
    paths.some(compileGlobs(settings[role].map(withoutSlashes), { caseMatters: false })),
  );
  if (earned !== undefined) return earned;
  return settings.others === "none" ? null : settings.others;
}

function withoutSlashes(path: string): string {
  const from = path.startsWith("/") ? 1 : 0;
  return path.endsWith("/") ? path.slice(from, -1) : path.slice(from);
}

export function isPermitted(
  { role }: Person,
  permission: Permission,
  { viewersReadBodies }: Pick<RolesSettings, "viewersReadBodies">,
): boolean {
  switch (permission) {
    case "read":
      return true;
    case "read-bodies":
      return role !== "viewer" || viewersReadBodies;
    case "act":
      return role !== "viewer";
    case "administer":
      return role === "admin";
    default:
      return permission satisfies never;
  }
}

/** The least role that has the permission, for messages. */
export function leastRole(permission: Permission): Role {
  if (permission === "read") return "viewer";
  return permission === "administer" ? "admin" : "operator";
}
