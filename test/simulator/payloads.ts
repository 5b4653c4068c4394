/** The payload of any event of the table: for project, group and system hooks, with what the caller lays over it. */
import type { EventRow } from "../../lib/events.ts";
import { isoTime } from "./http.ts";
import type { Group, Project, User } from "./model.ts";
import type { Json } from "./params.ts";
import type { Parts } from "./payload-parts.ts";
import { overlay } from "./payload-parts.ts";
import { PROJECT_PAYLOADS } from "./project-payloads.ts";
import type { World } from "./world.ts";

export interface PayloadOptions {
  /** Branch of a push or pipeline; a full ref is taken as it is. @default "main" */
  readonly ref?: string;
  /** Commits of a push: at most 20 are shown. @default 1 */
  readonly commitCount?: number;
  /** Who did it. @default the first user */
  readonly user?: User;
  /** Laid over the payload: objects are merged, all else replaced. */
  readonly payload?: Json;
}

/** Throws TypeError where the kind needs a project and gets a group. */
export function buildPayload(
  world: World,
  target: Project | Group,
  row: EventRow,
  options: PayloadOptions,
): Json {
  const parts = partsOf(world, options);
  const project = "group" in target ? target : null;
  const group = "group" in target ? target.group : target;
  return overlay(payloadOf(parts, row, project, group), options.payload ?? {});
}

function partsOf(world: World, options: PayloadOptions): Parts {
  const [anyone] = world.model.users.values();
  const user = options.user ?? anyone;
  if (!user) throw new TypeError("Cannot build a payload: there is no user");
  const iso = isoTime(world.clock.now());
  const ref = options.ref ?? "main";
  return {
    world,
    user,
    id: world.model.nextId(),
    iso,
    now: world.since(19, 0) ? iso : `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`,
    ref: ref.startsWith("refs/") ? ref : `refs/heads/${ref}`,
    commitCount: options.commitCount ?? 1,
  };
}

function payloadOf(parts: Parts, row: EventRow, project: Project | null, group: Group): Json {
  const ofProject = PROJECT_PAYLOADS[row.kind];
  if (ofProject) {
    if (!project) throw new TypeError(`Cannot trigger "${row.kind}" on a group: it is an event of a project`);
    return ofProject(parts, project);
  }
  const times = { created_at: parts.now, updated_at: parts.now };
  const { user } = parts;
  switch (row.kind) {
    case "member":
    case "system_member":
      return {
        ...times,
        group_name: group.name,
        group_path: group.path,
        group_id: group.id,
        user_username: user.username,
        user_name: user.name,
        user_email: "[REDACTED]",
        user_id: user.id,
        group_access: "Guest",
        group_plan: null,
        expires_at: null,
        event_name: "user_add_to_group",
      };
    case "subgroup":
    case "system_group":
      return {
        ...times,
        event_name: row.kind === "subgroup" ? "subgroup_create" : "group_create",
        name: group.name,
        path: group.path,
        full_path: group.fullPath,
        group_id: group.id,
        ...(group.parent && {
          parent_group_id: group.parent.id,
          parent_name: group.parent.name,
          parent_path: group.parent.path,
          parent_full_path: group.parent.fullPath,
        }),
      };
    case "project":
    case "system_project":
      return {
        ...times,
        event_name: "project_create",
        name: project?.name ?? "new",
        path: project?.path ?? "new",
        path_with_namespace: project?.fullPath ?? `${group.fullPath}/new`,
        project_id: project?.id ?? parts.id,
        project_namespace_id: group.id,
        owners: [{ name: user.name, email: "[REDACTED]" }],
        project_visibility: project?.visibility ?? "private",
      };
    case "system_user":
      return {
        ...times,
        event_name: "user_create",
        user_id: user.id,
        name: user.name,
        username: user.username,
        email: user.email,
      };
    case "system_key":
      return {
        ...times,
        event_name: "key_create",
        username: user.username,
        key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample",
        id: parts.id,
      };
    default:
      return {
        object_kind: "gitlab_subscription_member_approval",
        action: "enqueue",
        object_attributes: { new_access_level: 30, old_access_level: 10, existing_member_id: parts.id },
        user_id: user.id,
        requested_by_user_id: user.id,
        promotion_namespace_id: group.id,
        ...times,
      };
  }
}
