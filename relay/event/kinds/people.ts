/** Members of groups and projects, users, their keys and seats. The event's name says what happened. */
import { plainCloudEvent } from "./cloud-event.ts";
import { defineKind, payloadOf, type Telling } from "./kind.ts";
import type { More } from "./payload-parts.ts";
import { inPlace, named } from "./words.ts";

const HAPPENED: ReadonlyMap<string, string> = new Map([
  ["user_add_to_group", "was added to the group"],
  ["user_update_for_group", "has another role in the group"],
  ["user_remove_from_group", "was removed from the group"],
  ["user_access_request_to_group", "asks for access to the group"],
  ["user_access_request_denied_for_group", "was denied access to the group"],
  ["user_access_request_revoked_for_group", "no longer asks for access to the group"],
  ["user_add_to_team", "was added to the project"],
  ["user_update_for_team", "has another role in the project"],
  ["user_remove_from_team", "was removed from the project"],
  ["user_access_request_to_project", "asks for access to the project"],
  ["user_access_request_revoked_for_project", "no longer asks for access to the project"],
  ["user_create", "was created as a user"],
  ["user_destroy", "was deleted as a user"],
  ["user_rename", "has a new username"],
  ["user_failed_login", "had a failed login"],
  ["key_create", "added an SSH key"],
  ["key_destroy", "removed an SSH key"],
  ["gitlab_subscription_member_approval", "awaits approval for a seat"],
  ["gitlab_subscription_member_approvals", "awaits approval for a seat"],
]);

/** @param otherwise for a name that GitLab may come to have */
const row = (otherwise: string) =>
  ({
    payload: payloadOf<More>(),
    has: { project: false, path: false, branch: false, labels: false, action: false },
    ref: null,
    subject: null,
    sentence: (telling: Telling) => {
      const { eventName, kind } = telling.meta;
      const happened = HAPPENED.get(eventName ?? "") ?? HAPPENED.get(kind ?? "") ?? otherwise;
      const where = /the (?:group|project)$/.test(happened) ? named(telling) : inPlace(telling);
      return `${telling.who} ${happened}${where}`;
    },
    activity: null,
    cloudEvent: plainCloudEvent,
  }) as const;

const membership = row("has another membership");

export const member = defineKind({ kind: "member", ...membership });
export const systemMember = defineKind({
  kind: "system_member",
  ...membership,
  has: { ...membership.has, project: true, path: true },
});
export const systemUser = defineKind({ kind: "system_user", ...row("was changed as a user") });
export const systemKey = defineKind({ kind: "system_key", ...row("changed an SSH key") });
export const systemSubscription = defineKind({
  kind: "system_subscription",
  ...row("has another subscription"),
  has: { project: false, path: false, branch: false, labels: false, action: true },
});
