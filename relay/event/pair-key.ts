/**
 * What a system hook and the hook of a project or group say alike of one push, tag or merge request: GitLab gives such a pair no common
 * id, and their bodies differ. The key is made of what names the event and when it was; if any of it is missing, there is none.
 */
import { createHash } from "node:crypto";
import { SYSTEM_HEADER } from "../../lib/events.ts";
import { object, text, type Json } from "../../lib/json.ts";
import { SYSTEM_HOOK_KEY } from "../../lib/secrets.ts";
import type { EventMeta } from "./event.ts";

/** Which of the two an event was sent by. */
export type PairSide = "system" | "hook";

type Facts = Pick<EventMeta, "header" | "kind" | "projectId" | "ref" | "hookKey" | "test">;

/** Null: no other hook sends the like of it. */
export function pairSide({ header, hookKey }: Pick<Facts, "header" | "hookKey">): PairSide | null {
  if (header === SYSTEM_HEADER) return hookKey === null || hookKey === SYSTEM_HOOK_KEY ? "system" : null;
  const isOfHook = header === "Push Hook" || header === "Tag Push Hook" || header === "Merge Request Hook";
  return isOfHook && hookKey !== SYSTEM_HOOK_KEY ? "hook" : null;
}

/** `pair-` and 32 hex digits, so that no search takes it for an id; undefined if the event belongs to no pair, or the payload says too little to be certain. */
export function pairKeyOf(facts: Facts, payload: Json): string | undefined {
  if (facts.test === true || facts.projectId === null || pairSide(facts) === null) return undefined;
  const parts =
    facts.kind === "merge_request"
      ? mergeRequestParts(payload)
      : facts.kind === "push" || facts.kind === "tag_push"
        ? pushParts(facts, payload)
        : null;
  if (parts === null) return undefined;
  const name = JSON.stringify([facts.kind, facts.projectId, ...parts]);
  return `pair-${createHash("sha256").update(name).digest("hex").slice(0, 32)}`;
}

function pushParts({ ref }: Facts, payload: Json): readonly unknown[] | null {
  const [before, after, user] = [text(payload["before"]), text(payload["after"]), payload["user_id"]];
  if (ref === null || before === null || after === null || typeof user !== "number") return null;
  return [ref, before, after, user];
}

/** Two changes within a second have the same time, so that what changed counts as well. */
function mergeRequestParts(payload: Json): readonly unknown[] | null {
  const attributes = object(payload["object_attributes"]);
  const { id, oldrev = null, state = null } = attributes;
  const [action, updated] = [text(attributes["action"]), text(attributes["updated_at"])];
  if (typeof id !== "number" || action === null || updated === null) return null;
  const commit = object(attributes["last_commit"])["id"] ?? null;
  const user = object(payload["user"])["username"] ?? null;
  return [id, action, updated, state, oldrev, commit, user, payload["changes"] ?? null];
}
