/**
 * Whether an event belongs to the hook under whose key it came in: the secret of one project's hook must not do for the events of
 * another. Decides by what the payload says, and refuses nothing that it leaves open.
 *
 *   system  nothing: a system hook sends the events of the whole instance.
 *   p15   the payload names a project by its id: it must be 15. It names none, but a group: it is no event of a project.
 *   g7    the payload names a group by its id: it must be 7, or may be below it. It cannot be below 7 if it is a top-level group, or
 *         a child of a top-level group other than 7. Of a project the payload does not say in which groups it is.
 */
import { object, text, type Json } from "../../lib/json.ts";
import { SYSTEM_HOOK_KEY } from "../../lib/secrets.ts";
import type { EventMeta } from "../event/event.ts";

/** What is wrong, in words for the log; null: it belongs to the hook as far as the payload says. */
export function hookMismatch(
  hookKey: string,
  meta: Pick<EventMeta, "projectId" | "groupId">,
  payload: Json,
): string | null {
  if (hookKey === SYSTEM_HOOK_KEY) return null;
  const id = Number(hookKey.slice(1));
  if (hookKey.startsWith("p")) {
    if (meta.projectId !== null)
      return meta.projectId === id ? null : `the event is of project ${meta.projectId}`;
    return meta.groupId === null ? null : `the event is of group ${meta.groupId}`;
  }
  if (meta.projectId !== null || meta.groupId === null || meta.groupId === id) return null;
  return isOutside(id, payload) ? `the event is of group ${meta.groupId}` : null;
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
