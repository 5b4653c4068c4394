/**
 * What one event says about the work, as facts with a name of their own: "commit 1f3a of alice touched 3 files". Adding a fact
 * twice changes nothing, whatever the order: that is how replays, crashes and two hooks for one project count once. Pure.
 */
import type { NewEvent } from "../../event/event.ts";

/** What is known of an event before the queue has given it its id. */
type EventMeta = NewEvent["meta"];

type Json = Readonly<Record<string, unknown>>;

/** What the value of a fact is, by its type. The key names the thing within its project. */
export interface FactValues {
  /** key: beginning of the SHA. Files added, modified, removed; hour of the day as the author's clock showed it. */
  readonly commit: readonly [added: number, modified: number, removed: number, hour: number];
  /** key: the event. Branch, and commits that the payload does not list. */
  readonly push: readonly [branch: string, unlisted: number];
  /** key: merge request. */
  readonly opened: 1;
  /** key: merge request. Seconds from creation to merge; null where the payload does not say. */
  readonly merged: number | null;
  readonly closed: 1;
  /** key: merge request. An approval by somebody. */
  readonly approved: 1;
  /** key: comment. On somebody else's merge request, which is the value. */
  readonly reviewed: number;
  readonly issueOpened: 1;
  /** key: issue. Seconds from creation to close. */
  readonly issueClosed: number | null;
  /** key: pipeline. */
  readonly pipeline: readonly [status: "success" | "failed" | "canceled", seconds: number | null];
  /** key: job. Its name. */
  readonly failedJob: string;
  /** key: deployment. */
  readonly deployed: "success" | "failed";
}

export type FactType = keyof FactValues;

export interface Fact<T extends FactType = FactType> {
  readonly type: T;
  /** Null: the event itself, whose id is given later. */
  readonly key: string | null;
  /** Username where it is known, else e-mail address or name; null where the payload says nothing. */
  readonly author: string | null;
  readonly value: FactValues[T];
}

export interface EventFacts {
  /** UTC day of receipt, such as 2026-01-31. */
  readonly day: string;
  readonly project: string;
  readonly facts: readonly Fact[];
}

const SHA_LENGTH = 12;
const MAX_BRANCH = 120;
const MAX_JOB = 80;

/** The facts of an event; null where it says nothing about a project's work. Never throws, whatever the body holds. */
export function factsOf(meta: EventMeta, body: unknown): EventFacts | null {
  const project = meta.projectPath ?? (meta.projectId === null ? null : String(meta.projectId));
  const read = meta.kind === null ? undefined : READERS[meta.kind];
  if (project === null || read === undefined) return null;
  const facts = read(meta, object(body));
  return facts.length === 0
    ? null
    : { day: new Date(meta.receivedAt).toISOString().slice(0, 10), project, facts };
}

/** Whether an event of this kind can hold facts, told without its body. */
export function tellsOfWork(meta: EventMeta): boolean {
  return (
    meta.kind !== null && Object.hasOwn(READERS, meta.kind) && (meta.projectPath ?? meta.projectId) !== null
  );
}

type Reader = (meta: EventMeta, body: Json) => Fact[];

const READERS: Readonly<Record<string, Reader>> = {
  push: pushFacts,
  merge_request: mergeRequestFacts,
  note: noteFacts,
  issue: issueFacts,
  work_item: issueFacts,
  pipeline: pipelineFacts,
  build: buildFacts,
  deployment: deploymentFacts,
};

function fact<T extends FactType>(
  type: T,
  key: string | number | null,
  author: string | null,
  value: FactValues[T],
): Fact[] {
  return key === null ? [] : [{ type, key: String(key), author, value }];
}

function pushFacts(meta: EventMeta, body: Json): Fact[] {
  const listed = list(body["commits"]);
  const total = count(body["total_commits_count"]) ?? listed.length;
  const branch = (meta.ref ?? "").replace(/^refs\/heads\//, "").slice(0, MAX_BRANCH);
  const commits: Fact[] = listed.flatMap((one) => {
    const commit = object(one);
    const id = text(commit["id"]);
    const files = (name: string): number => list(commit[name]).length;
    return fact("commit", id === null ? null : id.slice(0, SHA_LENGTH), commitAuthor(commit, body, meta), [
      files("added"),
      files("modified"),
      files("removed"),
      hourOf(text(commit["timestamp"])) ?? new Date(meta.receivedAt).getUTCHours(),
    ]);
  });
  commits.push({
    type: "push",
    key: null,
    author: meta.actor,
    value: [branch, Math.max(0, total - listed.length)],
  });
  return commits;
}

/** The pusher's username where the commit bears the pusher's name or address, else the address, else the name. */
function commitAuthor(commit: Json, body: Json, meta: EventMeta): string | null {
  const author = object(commit["author"]);
  const email = address(author["email"]);
  const name = text(author["name"]);
  const isPusher =
    (email !== null && email === address(body["user_email"])) ||
    (name !== null && name === text(body["user_name"]));
  return isPusher && meta.actor !== null ? meta.actor : (email ?? name);
}

function mergeRequestFacts(meta: EventMeta, body: Json): Fact[] {
  const attributes = object(body["object_attributes"]);
  const iid = count(attributes["iid"]);
  switch (meta.action) {
    case "open":
      return fact("opened", iid, meta.actor, 1);
    case "merge": {
      const end = time(attributes["merged_at"]) ?? time(attributes["updated_at"]) ?? meta.receivedAt;
      return fact(
        "merged",
        iid,
        authorOf(body, attributes, meta),
        seconds(time(attributes["created_at"]), end),
      );
    }
    case "close":
      return fact("closed", iid, meta.actor, 1);
    case "approved":
    case "approval":
      return fact("approved", iid, meta.actor, 1);
    default:
      return [];
  }
}

/** Whose merge request it is, where the payload tells; else who merged it. */
function authorOf(body: Json, attributes: Json, meta: EventMeta): string | null {
  const people = [body["user"], ...list(body["assignees"]), ...list(body["reviewers"])].map(object);
  const author = people.find((one) => one["id"] !== undefined && one["id"] === attributes["author_id"]);
  return text(author?.["username"]) ?? meta.actor;
}

function noteFacts(meta: EventMeta, body: Json): Fact[] {
  const attributes = object(body["object_attributes"]);
  if (
    attributes["noteable_type"] !== "MergeRequest" ||
    meta.action === "update" ||
    attributes["system"] === true
  )
    return [];
  const request = object(body["merge_request"]);
  const iid = count(request["iid"]);
  const writer = count(object(body["user"])["id"]) ?? count(attributes["author_id"]);
  if (iid === null || (writer !== null && writer === count(request["author_id"]))) return [];
  return fact("reviewed", count(attributes["id"]), meta.actor, iid);
}

function issueFacts(meta: EventMeta, body: Json): Fact[] {
  const attributes = object(body["object_attributes"]);
  const iid = count(attributes["iid"]);
  if (meta.action === "open") return fact("issueOpened", iid, meta.actor, 1);
  if (meta.action !== "close") return [];
  const end = time(attributes["closed_at"]) ?? time(attributes["updated_at"]) ?? meta.receivedAt;
  return fact("issueClosed", iid, meta.actor, seconds(time(attributes["created_at"]), end));
}

function pipelineFacts(meta: EventMeta, body: Json): Fact[] {
  const attributes = object(body["object_attributes"]);
  const status = attributes["status"];
  if (status !== "success" && status !== "failed" && status !== "canceled") return [];
  const failed = list(body["builds"])
    .map(object)
    .filter((build) => build["status"] === "failed" && build["allow_failure"] !== true);
  return [
    ...fact("pipeline", count(attributes["id"]), meta.actor, [status, duration(attributes["duration"])]),
    ...failed.flatMap((build) => failedJob(build["id"], build["name"], meta)),
  ];
}

function buildFacts(meta: EventMeta, body: Json): Fact[] {
  if (body["build_status"] !== "failed" || body["build_allow_failure"] === true) return [];
  return failedJob(body["build_id"], body["build_name"], meta);
}

function failedJob(id: unknown, name: unknown, meta: EventMeta): Fact[] {
  return fact("failedJob", count(id), meta.actor, (text(name) ?? "(unnamed)").slice(0, MAX_JOB));
}

function deploymentFacts(meta: EventMeta, body: Json): Fact[] {
  const status = body["status"];
  if (status !== "success" && status !== "failed") return [];
  return fact("deployed", count(body["deployment_id"]), meta.actor, status);
}

function object(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** GitLab hides addresses of people who have none that is public. */
function address(value: unknown): string | null {
  const found = text(value);
  return found === null || found === "[REDACTED]" || !found.includes("@") ? null : found.toLowerCase();
}

function count(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

function duration(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? Math.round(value) : null;
}

/** ISO 8601, or GitLab's older "2026-01-15 09:40:00 UTC" and "... +0000". Milliseconds. */
function time(value: unknown): number | null {
  const given = text(value);
  if (given === null) return null;
  const iso = given
    .replace(/^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(?: UTC)?$/, "$1T$2Z")
    .replace(/^(\S+) (\S+) ([+-]\d{2}):?(\d{2})$/, "$1T$2$3:$4");
  const ms = Date.parse(iso);
  return Number.isNaN(ms) ? null : ms;
}

function seconds(start: number | null, end: number): number | null {
  return start === null || end < start ? null : Math.round((end - start) / 1000);
}

function hourOf(timestamp: string | null): number | null {
  const hour = /T(\d{2}):/.exec(timestamp ?? "")?.[1];
  return hour === undefined || Number(hour) > 23 ? null : Number(hour);
}
