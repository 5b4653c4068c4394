/**
 * Who may do what: a member's role is inherited downwards, the highest one counts. Memberships and rights are two things: an
 * administrator may do everything without being a member, and a custom role adds permissions to a lower role. What lists by
 * `min_access_level` looks at memberships alone.
 */
import type { Ability, Group, Model, Project, User } from "./model.ts";
import { ACCESS, ancestry } from "./model.ts";

/** Role of the user by membership in a group, inherited ones included; 0: no member. */
export function groupMembership(user: User | null, group: Group): number {
  if (user === null) return ACCESS.none;
  return Math.max(0, ...ancestry(group).map((g) => user.groupRoles.get(g.id) ?? 0));
}

/** Role by membership in a project: its own, one of its groups', or one through a group that it is shared with. */
export function projectMembership(model: Model, user: User | null, project: Project): number {
  if (user === null) return ACCESS.none;
  let level = Math.max(groupMembership(user, project.group), user.projectRoles.get(project.id) ?? 0);
  for (const [groupId, shared] of project.sharedWith) {
    const group = model.groups.get(groupId);
    if (group) level = Math.max(level, Math.min(shared, groupMembership(user, group)));
  }
  return level;
}

/** Role that the user's rights in a group come from. Administrators count as owners. */
export function groupRole(user: User | null, group: Group): number {
  return user?.admin === true ? ACCESS.owner : groupMembership(user, group);
}

export function projectRole(model: Model, user: User | null, project: Project): number {
  return user?.admin === true ? ACCESS.owner : projectMembership(model, user, project);
}

/** Whether a custom role gives the permission in the group or above it. */
export function groupAbility(user: User, group: Group, ability: Ability): boolean {
  return ancestry(group).some((g) => user.groupAbilities.get(g.id)?.has(ability) === true);
}

export function projectAbility(user: User, project: Project, ability: Ability): boolean {
  return (
    user.projectAbilities.get(project.id)?.has(ability) === true || groupAbility(user, project.group, ability)
  );
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

/** A member of something below a group sees the group. */
function belowMember(user: User, group: Group): boolean {
  return (
    group.subgroups.some((g) => (user.groupRoles.get(g.id) ?? 0) > 0 || belowMember(user, g)) ||
    group.projects.some((p) => (user.projectRoles.get(p.id) ?? 0) > 0)
  );
}
