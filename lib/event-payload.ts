/**
 * What the payloads of all kinds of events have in common: how an event names itself, where it belongs and who caused it. Null
 * means that the payload does not say, or says it in a wrong type. Nothing here throws, whatever the payload holds.
 */
import type { EventNames } from "./events.ts";
import { eventRow } from "./events.ts";
import { count, object, text, type Json } from "./json.ts";

/** Addresses longer than this name no project: a path has 255 characters a part. */
const MAX_URL = 4096;

/** @param header value of `X-Gitlab-Event`, null if it was not sent */
export function eventNames(header: string | null, body: Json): EventNames {
  const objectKind = text(body["object_kind"]);
  const eventName = text(body["event_name"], body["event_type"]);
  const kind = objectKind ?? text(body["event_name"]);
  return { header, eventName, kind: kind ?? eventRow({ header, kind, eventName })?.kind ?? null };
}

export interface EventPlace {
  readonly projectId: number | null;
  readonly projectPath: string | null;
  readonly groupId: number | null;
  readonly groupPath: string | null;
}

/**
 * The project or group of an event.
 * @param instance `X-Gitlab-Instance`, which tells where paths begin in the addresses of a GitLab below a prefix
 */
export function eventPlace(body: Json, instance: string | null): EventPlace {
  const attributes = object(body["object_attributes"]);
  const project = object(body["project"]);
  const group = object(body["group"]);
  const projectPath = text(
    project["path_with_namespace"],
    body["path_with_namespace"],
    body["project_path_with_namespace"],
  );
  const groupPath = text(body["full_path"], group["full_path"], body["group_path"]);
  const place = {
    projectId: count(project["id"], body["project_id"], attributes["project_id"]),
    projectPath,
    groupId: count(body["group_id"], group["group_id"], group["id"], attributes["group_id"]),
    groupPath,
  };
  if (projectPath !== null || groupPath !== null) return place;
  const found = placeInAddresses(body, instance);
  return { ...place, projectPath: found.projectPath, groupPath: found.groupPath };
}

type Paths = Pick<EventPlace, "projectPath" | "groupPath">;

const NOWHERE: Paths = { projectPath: null, groupPath: null };

/** Some kinds name their project in an address alone: a vulnerability, a job of an old GitLab, a comment on an epic. */
function placeInAddresses(body: Json, instance: string | null): Paths {
  const project = object(body["project"]);
  for (const home of [project["web_url"], project["homepage"], object(body["repository"])["homepage"]]) {
    const projectPath = projectPathOf(pathOf(home, instance));
    if (projectPath !== null) return { projectPath, groupPath: null };
  }
  const inside = [
    object(body["object_attributes"])["url"],
    body["url"],
    body["deployable_url"],
    body["commit_url"],
  ];
  for (const address of inside) {
    const path = pathOf(address, instance);
    const end = path?.indexOf("/-/") ?? -1;
    if (path === null || end < 0) continue;
    const place = path.slice(0, end);
    if (place.startsWith("groups/")) return { projectPath: null, groupPath: place.slice("groups/".length) };
    const projectPath = projectPathOf(place);
    if (projectPath !== null) return { projectPath, groupPath: null };
  }
  return NOWHERE;
}

/** The path of an address below the instance's own, without slashes at its ends. */
function pathOf(address: unknown, instance: string | null): string | null {
  if (typeof address !== "string" || address.length > MAX_URL || !URL.canParse(address)) return null;
  const root =
    instance !== null && instance.length <= MAX_URL && URL.canParse(instance)
      ? withoutSlashes(new URL(instance).pathname)
      : "";
  const path = withoutSlashes(new URL(address).pathname);
  return root !== "" && path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path;
}

function withoutSlashes(path: string): string {
  let from = 0;
  let to = path.length;
  while (from < to && path[from] === "/") from++;
  while (to > from && path[to - 1] === "/") to--;
  return path.slice(from, to);
}

/** A project's path has a group or a user before its name. */
function projectPathOf(path: string | null): string | null {
  return path !== null && path.includes("/") && !path.includes("/-/") ? path : null;
}

/** Username of who caused the event, else the display name. */
export function eventActor(body: Json): string | null {
  const user = object(body["user"]);
  return text(body["user_username"], user["username"], body["username"], body["user_name"], user["name"]);
}

/** The action of an issue, merge request and so on; the status of a pipeline, job or deployment. */
export function eventAction(body: Json): string | null {
  const attributes = object(body["object_attributes"]);
  return text(
    attributes["action"],
    body["action"],
    attributes["status"],
    body["build_status"],
    body["status"],
    body["object_kind"] === "emoji" ? body["event_type"] : null,
  );
}
