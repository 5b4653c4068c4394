/** Projects and groups that come, go, move and change their names. The event's name says what happened. */
import { text } from "../../../lib/json.ts";
import { plainCloudEvent } from "./cloud-event.ts";
import { defineKind, payloadOf, type Telling } from "./kind.ts";
import type { More } from "./payload-parts.ts";
import { named, toPlace } from "./words.ts";

type Tell = (telling: Telling) => string;

function formerly({ body }: Telling): string {
  const old = text(body["old_path_with_namespace"], body["old_full_path"]);
  return old === null ? "" : ` ${old}`;
}

const TELL: ReadonlyMap<string, Tell> = new Map<string, Tell>([
  ["project_create", (telling) => `the project${named(telling)} was created`],
  ["project_destroy", (telling) => `the project${named(telling)} was deleted`],
  ["project_rename", (telling) => `the project${formerly(telling)} was renamed${toPlace(telling)}`],
  ["project_transfer", (telling) => `the project${formerly(telling)} was moved${toPlace(telling)}`],
  ["project_update", (telling) => `the project${named(telling)} was changed`],
  ["subgroup_create", (telling) => `the subgroup${named(telling)} was created`],
  ["subgroup_destroy", (telling) => `the subgroup${named(telling)} was deleted`],
  ["group_create", (telling) => `the group${named(telling)} was created`],
  ["group_destroy", (telling) => `the group${named(telling)} was deleted`],
  ["group_rename", (telling) => `the group${formerly(telling)} was renamed${toPlace(telling)}`],
]);

const row = (noun: string, isProject: boolean) =>
  ({
    payload: payloadOf<More>(),
    has: { project: isProject, path: isProject, branch: false, labels: false, action: false },
    ref: null,
    subject: null,
    sentence: (telling: Telling) => {
      const { eventName, kind } = telling.meta;
      const tell = TELL.get(eventName ?? "") ?? TELL.get(kind ?? "");
      return tell?.(telling) ?? `the ${noun}${named(telling)} was changed`;
    },
    activity: null,
    cloudEvent: plainCloudEvent,
  }) as const;

export const project = defineKind({ kind: "project", ...row("project", true) });
export const systemProject = defineKind({ kind: "system_project", ...row("project", true) });
export const subgroup = defineKind({ kind: "subgroup", ...row("subgroup", false) });
export const systemGroup = defineKind({ kind: "system_group", ...row("group", false) });
