/** All kinds of events. A kind is added as a row of lib/events.ts, a row in a file of this folder, and a line below. */
import { eventRow, type EventNames } from "../../../lib/events.ts";
import { featureFlag, milestone, release, wikiPage } from "./content.ts";
import { deployment } from "./deployment.ts";
import { emoji } from "./emoji.ts";
import { confidentialIssue, issue } from "./issue.ts";
import { job } from "./job.ts";
import type { Kind } from "./kind.ts";
import { mergeRequest } from "./merge-request.ts";
import { project, subgroup, systemGroup, systemProject } from "./namespaces.ts";
import { confidentialNote, note } from "./note.ts";
import { member, systemKey, systemMember, systemSubscription, systemUser } from "./people.ts";
import { pipeline } from "./pipeline.ts";
import { push, repositoryUpdate, tagPush } from "./push.ts";
import { accessToken, deployToken, vulnerability } from "./security.ts";

export const KINDS = [
  push,
  tagPush,
  issue,
  confidentialIssue,
  note,
  confidentialNote,
  mergeRequest,
  wikiPage,
  pipeline,
  job,
  deployment,
  featureFlag,
  release,
  milestone,
  emoji,
  accessToken,
  deployToken,
  vulnerability,
  member,
  project,
  subgroup,
  systemProject,
  systemGroup,
  systemUser,
  systemMember,
  systemKey,
  systemSubscription,
  repositoryUpdate,
] as const;

const byName: ReadonlyMap<string, Kind> = new Map(KINDS.map((kind) => [kind.kind, kind as Kind]));

/** The kind of an event; null for one that GitLab did not have when this was written. */
export function kindOf(names: EventNames): Kind | null {
  const row = eventRow(names);
  return row === null ? null : (byName.get(row.kind) ?? null);
}

/** The kind of a row of lib/events.ts. */
export function kindNamed(name: string): Kind | undefined {
  return byName.get(name);
}
