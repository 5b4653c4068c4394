/** What routing, lists and pages need of an event, read out of its headers and payload. */
import { eventAction, eventActor, eventNames, eventPlace } from "../../lib/event-payload.ts";
import { object, text, type Json } from "../../lib/json.ts";
import type { EventMeta } from "./event.ts";
import type { Kind } from "./kinds/kind.ts";
import { kindOf } from "./kinds/kinds.ts";
import { refOfName } from "./ref.ts";

export type EventFacts = Pick<
  EventMeta,
  | "kind"
  | "eventName"
  | "action"
  | "projectId"
  | "projectPath"
  | "groupId"
  | "groupPath"
  | "ref"
  | "actor"
  | "refChange"
  | "sourceProjectId"
  | "sourceBranch"
  | "iid"
  | "title"
  | "subjectType"
>;

/** The headers that say what an event is and where it comes from; null: not sent. */
export interface EventHeaders {
  /** `X-Gitlab-Event`. */
  readonly header: string | null;
  /** `X-Gitlab-Instance`. */
  readonly instance: string | null;
}

/** What the kind of an event finds in its payload. */
export type EventDetails = Pick<
  EventFacts,
  "ref" | "refChange" | "sourceProjectId" | "sourceBranch" | "iid" | "title" | "subjectType"
>;

/** @param kind null: unknown, and its ref is told as far as it says itself what it is */
export function eventDetails(kind: Kind | null, body: Json): EventDetails {
  const ref = kind === null ? { ref: refOfName(text(body["ref"]), body["tag"]) } : kind.ref?.(body);
  const subject = kind?.subject?.(body);
  return {
    ref: ref?.ref ?? null,
    refChange: ref?.change,
    sourceProjectId: ref?.sourceProjectId ?? undefined,
    sourceBranch: bounded(ref?.sourceBranch ?? null) ?? undefined,
    iid: subject?.iid ?? undefined,
    title: subject?.title ?? undefined,
    subjectType: bounded(subject?.type ?? null) ?? undefined,
  };
}

/** Longer than any name, path or ref of GitLab, in characters. */
const MAX_LENGTH = 1024;

/** Metadata is kept in memory and shown in lists: a name without end stays in the body alone. */
function bounded(name: string | null): string | null {
  return name === null || name.length <= MAX_LENGTH ? name : name.slice(0, MAX_LENGTH);
}

/**
 * Reads the facts of one event. Never throws, whatever the payload holds.
 * @param body the parsed JSON object
 */
export function eventFacts({ header, instance }: EventHeaders, body: unknown): EventFacts {
  const payload = object(body);
  const names = eventNames(header, payload);
  const place = eventPlace(payload, instance);
  const details = eventDetails(kindOf(names), payload);
  return {
    kind: bounded(names.kind),
    eventName: bounded(names.eventName),
    action: bounded(eventAction(payload)),
    projectId: place.projectId,
    projectPath: bounded(place.projectPath),
    groupId: place.groupId,
    groupPath: bounded(place.groupPath),
    ref: bounded(details.ref),
    actor: bounded(eventActor(payload)),
    refChange: details.refChange,
    sourceProjectId: details.sourceProjectId,
    sourceBranch: details.sourceBranch,
    iid: details.iid,
    title: details.title,
    subjectType: details.subjectType,
  };
}
