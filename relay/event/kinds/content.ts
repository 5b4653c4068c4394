/** Wiki pages, releases, milestones and feature flags: things of a project that have a name. */
import { object, text, type Json } from "../../../lib/json.ts";
import { idText, plainCloudEvent } from "./cloud-event.ts";
import { defineKind, payloadOf } from "./kind.ts";
import type { Commit, More, User, WithProject } from "./payload-parts.ts";
import { inPlace, pastOf, titled, titleOf, wasOf } from "./words.ts";

export interface WikiPagePayload extends WithProject {
  readonly object_kind: "wiki_page";
  readonly user: User;
  readonly object_attributes: {
    readonly title: string;
    readonly slug: string;
    readonly content: string;
    readonly url: string;
    readonly action: "create" | "update" | "delete";
  };
}

export interface ReleasePayload extends WithProject {
  readonly object_kind: "release";
  readonly id: number;
  readonly name: string;
  readonly tag: string;
  readonly description: string;
  readonly url: string;
  readonly action: "create" | "update" | "delete";
  readonly released_at: string;
  readonly commit: Commit;
}

const has = { project: true, path: true, branch: false, labels: false, action: true } as const;

const attributesOf = (body: Json): Json => object(body["object_attributes"]);

export const wikiPage = defineKind({
  kind: "wiki_page",
  payload: payloadOf<WikiPagePayload>(),
  has,
  ref: null,
  subject: (body) => ({ title: titleOf(attributesOf(body)["title"]) }),
  sentence: (telling) => {
    const { action, title } = telling.meta;
    return `${telling.who} ${pastOf(action)} ${titled("wiki page", title, "the ")}${inPlace(telling)}`;
  },
  activity: null,
  cloudEvent: (_meta, body) => ({
    type: ["wiki_page", idText(attributesOf(body)["action"])],
    subject: idText(attributesOf(body)["slug"]),
  }),
});

export const release = defineKind({
  kind: "release",
  payload: payloadOf<ReleasePayload>(),
  has,
  ref: null,
  subject: (body) => ({ title: titleOf(text(body["name"], body["tag"])) }),
  sentence: (telling) =>
    `${titled("release", telling.meta.title, "the ")} ${wasOf(telling.meta.action)}${inPlace(telling)}`,
  activity: null,
  cloudEvent: plainCloudEvent,
});

export const milestone = defineKind({
  kind: "milestone",
  payload: payloadOf<More>(),
  has,
  ref: null,
  subject: (body) => ({ title: titleOf(attributesOf(body)["title"]) }),
  sentence: (telling) =>
    `${titled("milestone", telling.meta.title, "the ")} ${wasOf(telling.meta.action)}${inPlace(telling)}`,
  activity: null,
  cloudEvent: plainCloudEvent,
});

export const featureFlag = defineKind({
  kind: "feature_flag",
  payload: payloadOf<More>(),
  has: { ...has, action: false },
  ref: null,
  subject: (body) => ({ title: titleOf(attributesOf(body)["name"]) }),
  sentence: (telling) => {
    const active = telling.attributes["active"];
    const verb = active === true ? "switched on" : active === false ? "switched off" : "changed";
    return `${telling.who} ${verb} ${titled("feature flag", telling.meta.title, "the ")}${inPlace(telling)}`;
  },
  activity: null,
  cloudEvent: plainCloudEvent,
});
