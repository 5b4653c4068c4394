/** Who may do what: a member's role is inherited downwards, the highest one counts. */
import type { Group, Model, Project, User } from "./model.ts";
import { ACCESS } from "./model.ts";

/** Role of the user in a group, inherited ones included; 0: no member. Administrators count as owners. */
export function groupRole(user: User | null, group: Group): number {
  if (user === null) return ACCESS.none;
  if (user.admin) return ACCESS.owner;
  let level = 0;
  for (let g: Group | null = group; g !== null; g = g.parent) {
    level = Math.max(level, user.groupRoles.get(g.id) ?? 0);
  }
  return level;
}

/** Role of the user in a project: from membership, from its groups, or through a group it is shared with. */
export function projectRole(model: Model, user: User | null, project: Project): number {
  if (user === null) return ACCESS.none;
  let level = Math.max(groupRole(user, project.group), user.projectRoles.get(project.id) ?? 0);
  for (const [groupId, shared] of project.sharedWith) {
    const group = model.groups.get(groupId);
    if (group) level = Math.max(level, Math.min(shared, groupRole(user, group)));
  }
  return level;
}

export function canReadProject(model: Model, user: User | null, project: Project): boolean {
  if (project.visibility === "public") return true;
  if (user === null) return false;
  return project.visibility === "internal" || projectRole(model, user, project) >= ACCESS.guest;
}

export function canReadGroup(user: User | null, group: Group): boolean {
  if (group.visibility === "public") return true;
  if (user === null) return false;
  return (
    group.visibility === "internal" || groupRole(user, group) >= ACCESS.guest || belowMember(user, group)
  );
}

function belowMember(user: User, group: Group): boolean {
  return group.subgroups.some((g) => (user.groupRoles.get(g.id) ?? 0) > 0 || belowMember(user, g));
}
