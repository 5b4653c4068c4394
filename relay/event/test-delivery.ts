/**
 * Whether a webhook is a test that somebody started in GitLab or over its API. No header says so; the body does, for what GitLab makes
 * up or serialises otherwise than a real event:
 *
 * - a push whose `before` is among the commits that it lists. Tests list the newest commits of the default branch, and begin at one
 *   of them; no real push lists the commit that it began at;
 * - the push of GitLab's sample project, sent for an empty repository;
 * - times as ISO 8601 with milliseconds in the attributes of an object, sent by a GitLab before version 19, whose real events have
 *   `2026-01-15 09:40:00 UTC` there.
 *
 * Other tests look like what they test, and count like it.
 */
import { list, object, text, type Json } from "../../lib/json.ts";

/** Kinds whose attributes GitLab before version 19 writes with the times of its database. */
const TIMED: ReadonlySet<string> = new Set([
  "issue",
  "work_item",
  "merge_request",
  "note",
  "pipeline",
  "milestone",
]);
/** First version that writes times as ISO 8601 in every event. */
const ISO_SINCE = 19;

const SAMPLE = {
  project: "gitlab/gitlab",
  projectId: 15,
  before: "95790bf891e76fee5e1747ab589903a6a1f80f22",
  after: "da1560886d4f094c3e6c9ef40349f7d38b5d27d7",
};

/** @param userAgent `GitLab/<version>` of the request; null: not sent */
export function isTestDelivery(userAgent: string | null, body: Json): boolean {
  const kind = text(body["object_kind"]);
  if (kind === "push" || kind === "tag_push") return listsItsBefore(body) || isSample(body);
  return kind !== null && TIMED.has(kind) && hasTimesOfATest(userAgent, object(body["object_attributes"]));
}

/**
 * Whether the commits of a push, as the body has them, may hold the one that it began at: only then must they be parsed. Ids are hex
 * digits, which no program writes as escapes.
 */
export function mayListItsBefore(body: Json, commits: Buffer): boolean {
  const before = text(body["before"]);
  return before !== null && commits.includes(before);
}

function listsItsBefore(body: Json): boolean {
  const before = text(body["before"]);
  return before !== null && list(body["commits"]).some((commit) => object(commit)["id"] === before);
}

function isSample(body: Json): boolean {
  return (
    body["project_id"] === SAMPLE.projectId &&
    body["before"] === SAMPLE.before &&
    body["after"] === SAMPLE.after &&
    object(body["project"])["path_with_namespace"] === SAMPLE.project
  );
}

function hasTimesOfATest(userAgent: string | null, attributes: Json): boolean {
  const major = /^GitLab\/(\d{1,3})\./.exec(userAgent ?? "")?.[1];
  if (major === undefined || Number(major) >= ISO_SINCE) return false;
  return [attributes["created_at"], attributes["updated_at"]].every(isIsoWithMilliseconds);
}

function isIsoWithMilliseconds(value: unknown): boolean {
  return (
    typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(?:Z|[+-]\d\d:\d\d)$/.test(value)
  );
}
