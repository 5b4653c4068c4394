/**
 * An event in one sentence: "alice pushed 3 commits to main of acme/shop". Each kind has its own, see relay/event/kinds/. Lists know
 * the metadata alone, an event's own page has the body, too; the page may say more, but never the opposite.
 */
import { cut } from "../../lib/cut.ts";
import { object, type Json } from "../../lib/json.ts";
import { eventDetails } from "./event-facts.ts";
import { alertSentence, alertTargets } from "./alert.ts";
import type { EventMeta } from "./event.ts";
import type { Meta, Telling } from "./kinds/kind.ts";
import { kindOf } from "./kinds/kinds.ts";
import { inPlace } from "./kinds/words.ts";

export type { Json } from "../../lib/json.ts";

/** Characters of a sentence: paths and names come from outside. */
const MAX_SENTENCE = 1000;

/** @param body the parsed body; null if it was not loaded or is no JSON object */
export function sentence(meta: EventMeta, body: Json | null): string {
  const payload = object(body);
  if (alertTargets(meta) !== null) return cut(alertSentence(meta, payload), MAX_SENTENCE);
  const kind = kindOf(meta);
  // Metadata of an event that an older version stored says less than its body does.
  const told: Meta = body === null ? meta : { ...meta, ...eventDetails(kind, payload) };
  const telling: Telling = {
    meta: told,
    body: payload,
    attributes: object(payload["object_attributes"]),
    who: told.actor ?? "someone",
    place: told.projectPath ?? told.groupPath ?? placeById(told),
  };
  return cut((kind?.sentence ?? other)(telling), MAX_SENTENCE);
}

/** Of a kind that GitLab did not have when this was written. */
function other(telling: Telling): string {
  const { meta } = telling;
  const name = meta.kind ?? meta.eventName ?? meta.header ?? "unknown";
  const by = meta.actor === null ? "" : ` by ${meta.actor}`;
  return `event "${name}"${meta.action === null ? "" : ` (${meta.action})`}${by}${inPlace(telling)}`;
}

function placeById({ projectId, groupId }: Meta): string | null {
  if (projectId !== null) return `project ${projectId}`;
  return groupId === null ? null : `group ${groupId}`;
}
