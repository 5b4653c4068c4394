/** What expressions and handlers know of an event beside its payload. The names are part of the documented settings. */
import { instanceOf, type EventMeta } from "./event.ts";
import { branchOf } from "./ref.ts";

/** Facts that the payload does not say are null. */
export interface VisibleEvent {
  /** The relay's id; the same in every attempt. */
  readonly id: string;
  /** The GitLab that it is from, by its name in the settings. */
  readonly instance: string;
  readonly action: string | null;
  readonly project: { readonly id: number | null; readonly path: string | null };
  readonly group: { readonly id: number | null; readonly path: string | null };
  /** A full ref, or a short name if GitLab does not say whether it is a branch or a tag (deployments). */
  readonly ref: string | null;
  /** The branch of the event's project; null for a tag, an unknown ref or a branch of a fork. */
  readonly branch: string | null;
  /** Username of who caused it. */
  readonly actor: string | null;
  /** GitLab's own test of the hook. */
  readonly test: boolean;
  /** ISO 8601. */
  readonly receivedAt: string;
}

export function viewOf(meta: EventMeta): VisibleEvent {
  return {
    id: meta.id,
    instance: instanceOf(meta),
    action: meta.action,
    project: { id: meta.projectId, path: meta.projectPath },
    group: { id: meta.groupId, path: meta.groupPath },
    ref: meta.ref,
    branch: branchOf(meta),
    actor: meta.actor,
    test: meta.test === true,
    receivedAt: new Date(meta.receivedAt).toISOString(),
  };
}
