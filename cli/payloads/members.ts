/** Payloads of people, groups and projects that come and go, on group hooks and on system hooks. */
import {
  GROUP_ID,
  group,
  name,
  PROJECT_ID,
  time,
  USER_ID,
  userObject,
  type Body,
  type Payload,
  type Scene,
} from "./scene.ts";

function times(scene: Scene): Body {
  return { created_at: time(scene), updated_at: time(scene) };
}

const groupMember: Payload = (scene) => {
  const { name: userName, username } = userObject(scene);
  return {
    ...times(scene),
    group_name: name(group(scene)),
    group_path: group(scene),
    group_id: GROUP_ID,
    user_username: username,
    user_name: userName,
    user_email: "[REDACTED]",
    user_id: USER_ID,
    group_access: "Developer",
    group_plan: null,
    expires_at: null,
    event_name: "user_add_to_group",
  };
};

const createdProject: Payload = (scene) => ({
  event_name: "project_create",
  ...times(scene),
  name: name(scene.project),
  path: name(scene.project),
  path_with_namespace: scene.project,
  project_id: PROJECT_ID,
  project_namespace_id: GROUP_ID,
  owners: [{ name: userObject(scene)["name"], email: "[REDACTED]" }],
  project_visibility: "private",
});

const subgroup: Payload = (scene) => ({
  ...times(scene),
  event_name: "subgroup_create",
  name: "platform",
  path: "platform",
  full_path: `${group(scene)}/platform`,
  group_id: GROUP_ID + scene.number,
  parent_group_id: GROUP_ID,
  parent_name: name(group(scene)),
  parent_path: name(group(scene)),
  parent_full_path: group(scene),
});

const systemGroup: Payload = (scene) => ({
  ...times(scene),
  event_name: "group_create",
  name: name(group(scene)),
  path: name(group(scene)),
  full_path: group(scene),
  group_id: GROUP_ID,
});

const systemUser: Payload = (scene) => ({
  ...times(scene),
  event_name: "user_create",
  name: userObject(scene)["name"],
  username: scene.user,
  email: `${scene.user}@example.com`,
  user_id: USER_ID,
});

const systemKey: Payload = (scene) => ({
  ...times(scene),
  event_name: "key_create",
  username: scene.user,
  key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE example",
  id: scene.number,
});

const systemSubscription: Payload = (scene) => ({
  object_kind: "gitlab_subscription_member_approval",
  action: "enqueue",
  object_attributes: {
    new_access_level: 30,
    old_access_level: null,
    existing_member_id: null,
  },
  user_id: USER_ID,
  requested_by_user_id: USER_ID + 1,
  promotion_namespace_id: GROUP_ID,
  ...times(scene),
});

/** By `kind` of lib/events.ts. */
export const MEMBER_PAYLOADS: Readonly<Record<string, Payload>> = {
  member: groupMember,
  system_member: groupMember,
  project: createdProject,
  system_project: createdProject,
  subgroup,
  system_group: systemGroup,
  system_user: systemUser,
  system_key: systemKey,
  system_subscription: systemSubscription,
};
