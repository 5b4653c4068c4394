/**
 * Whether an event belongs to the hook under whose key it came in: the secret of one project's hook must not do for the events of
 * another. Decides by what the payload says, and refuses nothing that it leaves open.
 *
 *   system  nothing: a system hook sends the events of the whole instance.
 *   p15   every id of a project that the payload gives its event must be 15. It names no project, but a group: it is no event of a project.
 *   g7    the payload names a group by its id: it must be 7, or may be below it. It cannot be below 7 if it is a top-level group, or
 *         a child of a top-level group other than 7. Of a project the payload does not say in which groups it is.
 *   Both  an event of neither project nor group, of a kind that only a system hook sends, is the instance's.
 */
import { eventRow } from "../../lib/events.ts";
import { object, text, type Json } from "../../lib/json.ts";
import { SYSTEM_HOOK_KEY } from "../../lib/secrets.ts";
import type { EventMeta } from "../event/event.ts";

type Named = Pick<EventMeta, "projectId" | "groupId" | "header" | "kind" | "eventName">;

/** What is wrong, in words for the log; null: it belongs to the hook as far as the payload says. */
export function hookMismatch(hookKey: string, meta: Named, payload: Json): string | null {
  if (hookKey === SYSTEM_HOOK_KEY) return null;
  const id = Number(hookKey.slice(1));
  if (hookKey.startsWith("p")) {
    const projects = projectsNamed(payload);
    const other = projects.find((project) => project !== id);
    if (other !== undefined) return `the event is of project ${other}`;
    if (projects.length > 0) return null;
    if (meta.groupId !== null) return `the event is of group ${meta.groupId}`;
    return isInstances(meta) ? INSTANCES : null;
  }
  if (meta.projectId === null && meta.groupId === null) return isInstances(meta) ? INSTANCES : null;
  if (meta.projectId !== null || meta.groupId === null || meta.groupId === id) return null;
  return isOutside(id, payload) ? `the event is of group ${meta.groupId}` : null;
}

const INSTANCES = "the event is of the whole instance";

/** Longest id as text; custom templates put ids in quotes. */
const MAX_ID = 20;

/** Ids of the project that the event is of, in each place where GitLab writes them. The source of a merge request may be a fork. */
function projectsNamed(payload: Json): number[] {
  const attributes = object(payload["object_attributes"]);
  const places = [
    object(payload["project"])["id"],
    payload["project_id"],
    attributes["project_id"],
    attributes["target_project_id"],
  ];
  return places.flatMap((given) => {
    if (typeof given === "number") return [given];
    return typeof given === "string" && given.length <= MAX_ID && /^\d+$/.test(given) ? [Number(given)] : [];
  });
}

function isInstances({ header, kind, eventName }: Named): boolean {
  const row = eventRow({ header, kind, eventName });
  return row !== null && row.scopes.every((scope) => scope === "system");
}

/** True if the payload shows that its group, which is another one, has no place below the group `id`. */
function isOutside(id: number, payload: Json): boolean {
  const path = text(payload["full_path"], object(payload["group"])["full_path"]);
  if (path === null) return false;
  const depth = path.split("/", 3).length;
  if (depth === 1) return true;
  const parent = payload["parent_group_id"];
  return depth === 2 && typeof parent === "number" && parent !== id;
}
