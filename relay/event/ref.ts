/**
 * Refs, as the metadata of an event holds them. A ref says what it is, or that this is not known:
 *
 *   refs/heads/main               a branch
 *   refs/tags/v1                  a tag
 *   refs/merge-requests/7/head    a merge request; `sourceBranch` and `sourceProjectId` say where it comes from, if the payload does
 *   v1.4.0                        unknown: GitLab sent a short name that may be a branch or a tag
 *
 * Nothing is guessed: an event whose ref is unknown has no branch.
 */
import type { EventMeta } from "./event.ts";

export type RefType = "branch" | "tag" | "merge-request" | "unknown";

const HEADS = "refs/heads/";
const TAGS = "refs/tags/";
const MERGE_REQUESTS = "refs/merge-requests/";

export function refType(ref: string): RefType {
  if (ref.startsWith(HEADS)) return "branch";
  if (ref.startsWith(TAGS)) return "tag";
  return ref.startsWith(MERGE_REQUESTS) ? "merge-request" : "unknown";
}

/** The full ref of a branch. */
export function branchRef(branch: string): string {
  return `${HEADS}${branch}`;
}

export function mergeRequestRef(iid: number): string {
  return `${MERGE_REQUESTS}${iid}/head`;
}

/**
 * The full ref of a job or pipeline, whose payload has a short name and says beside it whether that is a tag.
 * @param isTag whatever the payload holds in that place; only true and false say something
 */
export function refOfName(name: string | null, isTag: unknown): string | null {
  if (name === null || name.startsWith("refs/") || typeof isTag !== "boolean") return name;
  return `${isTag ? TAGS : HEADS}${name}`;
}

/** The name that people use: `main`, `v1`, `!7`. */
export function shortRef(ref: string): string {
  if (ref.startsWith(HEADS)) return ref.slice(HEADS.length);
  if (ref.startsWith(TAGS)) return ref.slice(TAGS.length);
  return ref.startsWith(MERGE_REQUESTS) ? `!${ref.slice(MERGE_REQUESTS.length).split("/")[0]}` : ref;
}

type RefOfEvent = Pick<EventMeta, "ref" | "projectId" | "sourceBranch" | "sourceProjectId">;

/**
 * The branch of the event's own project: what was pushed to, a merge request's target, what a pipeline ran on (for a merge request's
 * pipeline its source branch). Null for tags, for unknown refs, for branches of a fork and for events without a ref.
 */
export function branchOf(meta: RefOfEvent): string | null {
  if (meta.ref === null) return null;
  if (meta.ref.startsWith(HEADS)) return meta.ref.slice(HEADS.length);
  return sourceOf(meta) === "own" ? (meta.sourceBranch ?? null) : null;
}

/** Whether it ran on a branch of another project, whose names say nothing about the branches of this one. */
export function isOnForeignBranch(meta: RefOfEvent): boolean {
  return sourceOf(meta) === "foreign";
}

function sourceOf({ ref, projectId, sourceBranch, sourceProjectId }: RefOfEvent): "own" | "foreign" | null {
  if (ref === null || refType(ref) !== "merge-request" || sourceBranch === undefined) return null;
  if (sourceProjectId === undefined || projectId === null) return null;
  return sourceProjectId === projectId ? "own" : "foreign";
}
