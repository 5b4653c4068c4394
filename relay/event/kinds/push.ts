/** Pushes of branches and tags, and the repository update of system hooks. */
import { count, list, object, text, type Json } from "../../../lib/json.ts";
import type { Certainty, Fact } from "../activity-facts.ts";
import { refType, shortRef } from "../ref.ts";
import { idText, plainCloudEvent } from "./cloud-event.ts";
import { fact } from "./facts.ts";
import { defineKind, payloadOf, type Meta, type RefFacts, type Telling } from "./kind.ts";
import type { Commit, More, WithProject } from "./payload-parts.ts";
import { inPlace, ofPlace, plural, toPlace } from "./words.ts";

export interface PushCommit extends Commit {
  readonly added: readonly string[];
  readonly modified: readonly string[];
  readonly removed: readonly string[];
}

export interface PushPayload extends WithProject {
  readonly object_kind: "push" | "tag_push";
  readonly before: string;
  readonly after: string;
  readonly ref: string;
  readonly ref_protected: boolean;
  /** Null if the ref was deleted. */
  readonly checkout_sha: string | null;
  readonly user_id: number;
  readonly user_name: string;
  readonly user_username: string;
  readonly project_id: number;
  /** The newest 20 at most, oldest first. */
  readonly commits: readonly PushCommit[];
  readonly total_commits_count: number;
}

const NO_COMMIT = /^0{40,64}$/;

/** The value of `before` of a new ref, and of `after` of one that is deleted. */
function isNoCommit(value: unknown): boolean {
  return typeof value === "string" && NO_COMMIT.test(value);
}

function refOf(body: Json): RefFacts {
  const ref = text(body["ref"]);
  if (isNoCommit(body["after"])) return { ref, change: "deleted" };
  return isNoCommit(body["before"]) ? { ref, change: "created" } : { ref };
}

/** A test of GitLab sends the push of a branch as a tag's, too: the ref says which it is. */
function sentence(telling: Telling): string {
  const { meta, who, body } = telling;
  const isTag = meta.ref === null ? meta.kind === "tag_push" : refType(meta.ref) === "tag";
  const named = (noun: string): string =>
    meta.ref === null ? `a ${noun}` : `the ${noun} ${shortRef(meta.ref)}`;
  if (isTag)
    return `${who} ${meta.refChange === "deleted" ? "deleted" : "pushed"} ${named("tag")}${inPlace(telling)}`;
  if (meta.refChange !== undefined) return `${who} ${meta.refChange} ${named("branch")}${ofPlace(telling)}`;
  const commits = count(body["total_commits_count"]);
  const what = commits === null ? "" : ` ${plural(commits, "commit")}`;
  const where = meta.ref === null ? toPlace(telling) : ` to ${shortRef(meta.ref)}${ofPlace(telling)}`;
  return `${who} pushed${what}${where}`;
}

const SHA_LENGTH = 12;
const MAX_BRANCH = 120;

/** Facts are named after commits and refs, so that two hooks, and a later push of the same commits elsewhere, count once. */
function activity(meta: Meta, body: Json): Fact[] {
  if (isNoCommit(body["after"])) return [];
  const commits = list(body["commits"]).map(object);
  const ids = commits.map((commit) => shortSha(commit["id"]));
  const facts = commits.flatMap((commit, index) => commitFact(commit, ids[index] ?? null, { meta, body }));
  for (const [index, id] of ids.entries()) {
    const older = index === 0 ? null : (ids[index - 1] ?? null);
    if (older !== null) facts.push(...fact("older", { key: id, author: meta.actor }, older));
  }
  return [...facts, ...beforeTheListed({ ids, meta, body }), pushFact({ ids, meta, body })];
}

interface Push {
  /** Of the commits that are listed, oldest first. */
  readonly ids: readonly (string | null)[];
  readonly meta: Meta;
  readonly body: Json;
}

/** What came before the oldest commit that is listed: the former head, or commits of which only the number is known. */
function beforeTheListed({ ids, meta, body }: Push): Fact[] {
  const oldest = ids[0] ?? shortSha(body["after"]);
  if (oldest === null) return [];
  const unlisted = (count(body["total_commits_count"]) ?? 0) - ids.length;
  if (unlisted > 0) return fact("unlisted", { key: `${oldest}+${unlisted}`, author: meta.actor }, unlisted);
  const before = isNoCommit(body["before"]) ? null : shortSha(body["before"]);
  return before === null || ids.length === 0
    ? []
    : fact("older", { key: oldest, author: meta.actor }, before);
}

function pushFact({ ids, meta, body }: Push): Fact {
  const ends = [shortSha(body["before"]) ?? ids[0], shortSha(body["after"]) ?? ids.at(-1)];
  const branch = (meta.ref === null ? "" : shortRef(meta.ref)).slice(0, MAX_BRANCH);
  const key = ends.every((end) => end === null || end === undefined) ? null : `${branch} ${ends.join("..")}`;
  return { type: "push", key, author: meta.actor, value: [branch, 0] };
}

function shortSha(value: unknown): string | null {
  return text(value)?.slice(0, SHA_LENGTH) ?? null;
}

function commitFact(commit: Json, id: string | null, { meta, body }: Pick<Push, "meta" | "body">): Fact[] {
  const files = (paths: unknown): number => list(paths).length;
  const hour = hourOf(text(commit["timestamp"])) ?? new Date(meta.receivedAt).getUTCHours();
  const { author, certainty } = authorOf(commit, { meta, body });
  return fact("commit", { key: id, author }, [
    files(commit["added"]),
    files(commit["modified"]),
    files(commit["removed"]),
    hour,
    certainty,
  ]);
}

/**
 * The pusher's username if the commit bears the pusher's name or address, else the address, else the name. A body that GitLab's log
 * gave back has lost its addresses, and says less of the same commit: the surest fact of a commit counts.
 */
function authorOf(
  commit: Json,
  { meta, body }: Pick<Push, "meta" | "body">,
): { readonly author: string | null; readonly certainty: Certainty } {
  const author = object(commit["author"]);
  const email = address(author["email"]);
  const name = text(author["name"]);
  const isPusher =
    (email !== null && email === address(body["user_email"])) ||
    (name !== null && name === text(body["user_name"]));
  if (isPusher && meta.actor !== null) return { author: meta.actor, certainty: 2 };
  return email === null ? { author: name, certainty: 0 } : { author: email, certainty: 1 };
}

/** GitLab hides the addresses of people who have none that is public. */
function address(value: unknown): string | null {
  const found = text(value);
  return found === null || found === "[REDACTED]" || !found.includes("@") ? null : found.toLowerCase();
}

function hourOf(timestamp: string | null): number | null {
  const hour = /^.{10}T(\d{2}):/.exec(timestamp ?? "")?.[1];
  return hour === undefined || Number(hour) > 23 ? null : Number(hour);
}

const has = { project: true, path: true, branch: true, labels: false, action: false } as const;

export const push = defineKind({
  kind: "push",
  payload: payloadOf<PushPayload>(),
  has,
  ref: refOf,
  subject: null,
  sentence,
  activity,
  cloudEvent: (_meta, body) => ({ type: ["push"], subject: idText(body["checkout_sha"], body["after"]) }),
});

export const tagPush = defineKind({
  kind: "tag_push",
  payload: payloadOf<PushPayload>(),
  has: { ...has, branch: false },
  ref: refOf,
  subject: null,
  sentence,
  activity: null,
  cloudEvent: (_meta, body) => ({ type: ["tag_push"], subject: idText(body["ref"]) }),
});

export const repositoryUpdate = defineKind({
  kind: "repository_update",
  payload: payloadOf<More>(),
  has: { ...has, branch: false },
  ref: null,
  subject: null,
  sentence: (telling) => `${telling.who} updated the repository${ofPlace(telling)}`,
  activity: null,
  cloudEvent: plainCloudEvent,
});
