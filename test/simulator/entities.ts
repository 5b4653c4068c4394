/** How GitLab shows groups, projects and users. */
import { isoTime } from "./http.ts";
import type { Group, Project, User } from "./model.ts";
import type { World } from "./world.ts";

export function userEntity(world: World, user: User): Record<string, unknown> {
  return {
    id: user.id,
    username: user.username,
    name: user.name,
    state: "active",
    locked: false,
    avatar_url: null,
    web_url: `${world.baseUrl}/${user.username}`,
  };
}

function namespaceEntity(world: World, group: Group): Record<string, unknown> {
  return {
    id: group.id,
    name: group.name,
    path: group.path,
    kind: "group",
    full_path: group.fullPath,
    parent_id: group.parent?.id ?? null,
    avatar_url: null,
    web_url: `${world.baseUrl}/groups/${group.fullPath}`,
  };
}

/** Project as listed with `simple=true`: no visibility, nothing about archiving or deletion. */
export function simpleProject(world: World, project: Project): Record<string, unknown> {
  const host = new URL(world.baseUrl).hostname;
  const topics = project.topics.toSorted();
  return {
    id: project.id,
    description: null,
    name: project.name,
    name_with_namespace: `${project.group.fullPath.split("/").join(" / ")} / ${project.name}`,
    path: project.path,
    path_with_namespace: project.fullPath,
    created_at: isoTime(project.createdAt),
    default_branch: "main",
    tag_list: topics,
    topics,
    ssh_url_to_repo: `git@${host}:${project.fullPath}.git`,
    http_url_to_repo: `${world.baseUrl}/${project.fullPath}.git`,
    web_url: `${world.baseUrl}/${project.fullPath}`,
    readme_url: `${world.baseUrl}/${project.fullPath}/-/blob/main/README.md`,
    forks_count: 0,
    avatar_url: null,
    star_count: 0,
    last_activity_at: isoTime(project.lastActivityAt),
    namespace: namespaceEntity(world, project.group),
  };
}

export function fullProject(world: World, project: Project): Record<string, unknown> {
  const shares = [...project.sharedWith].map(([groupId, level]) => ({
    group_id: groupId,
    group_name: world.model.groups.get(groupId)?.name ?? "",
    group_full_path: world.model.groups.get(groupId)?.fullPath ?? "",
    group_access_level: level,
    expires_at: null,
  }));
  return {
    ...simpleProject(world, project),
    container_registry_image_prefix: `registry.example.com/${project.fullPath}`,
    packages_enabled: true,
    empty_repo: !project.content.has("commits"),
    updated_at: isoTime(project.updatedAt),
    archived: project.archived,
    visibility: project.visibility,
    marked_for_deletion_at: project.markedForDeletionOn,
    marked_for_deletion_on: project.markedForDeletionOn,
    issues_enabled: true,
    merge_requests_enabled: true,
    wiki_enabled: true,
    jobs_enabled: true,
    creator_id: 1,
    shared_with_groups: shares,
  };
}

export function groupEntity(world: World, group: Group): Record<string, unknown> {
  return {
    id: group.id,
    web_url: `${world.baseUrl}/groups/${group.fullPath}`,
    name: group.name,
    path: group.path,
    description: "",
    visibility: group.visibility,
    share_with_group_lock: false,
    avatar_url: null,
    request_access_enabled: true,
    full_name: group.fullPath.split("/").join(" / "),
    full_path: group.fullPath,
    created_at: isoTime(group.createdAt),
    parent_id: group.parent?.id ?? null,
    marked_for_deletion_on: group.markedForDeletionOn,
  };
}
