/** Emoji reactions. */
import { object, text } from "../../../lib/json.ts";
import { plainCloudEvent } from "./cloud-event.ts";
import { defineKind, payloadOf } from "./kind.ts";
import { subjectOf } from "./note.ts";
import type { More } from "./payload-parts.ts";
import { inPlace, onSubject, titleOf } from "./words.ts";

export const emoji = defineKind({
  kind: "emoji",
  payload: payloadOf<More>(),
  has: { project: true, path: true, branch: false, labels: false, action: true },
  ref: null,
  subject(body) {
    const attributes = object(body["object_attributes"]);
    return { ...subjectOf(text(attributes["awardable_type"]), body), title: titleOf(attributes["name"]) };
  },
  sentence: (telling) => {
    const { eventName, title } = telling.meta;
    const verb = eventName === "revoke" ? "took back" : "reacted with";
    const name = title === undefined ? "an emoji" : `:${title}:`;
    return `${telling.who} ${verb} ${name}${onSubject(telling)}${inPlace(telling)}`;
  },
  activity: null,
  cloudEvent: plainCloudEvent,
});
