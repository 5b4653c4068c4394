/** Vulnerabilities, and tokens that are about to expire. */
import { object, type Json } from "../../../lib/json.ts";
import { plainCloudEvent } from "./cloud-event.ts";
import { defineKind, payloadOf, type Telling } from "./kind.ts";
import type { More } from "./payload-parts.ts";
import { inPlace, titled, titleOf } from "./words.ts";

const attributesOf = (body: Json): Json => object(body["object_attributes"]);

export const vulnerability = defineKind({
  kind: "vulnerability",
  payload: payloadOf<More>(),
  has: { project: true, path: true, branch: false, labels: false, action: false },
  ref: null,
  subject: (body) => ({ title: titleOf(attributesOf(body)["title"]) }),
  sentence: (telling) => {
    const state = titleOf(telling.attributes["state"]);
    return `${titled("vulnerability", telling.meta.title)} ${state === null ? "changed" : `is ${state}`}${inPlace(telling)}`;
  },
  activity: null,
  cloudEvent: plainCloudEvent,
});

const expiring = (noun: string) =>
  ({
    payload: payloadOf<More>(),
    has: { project: true, path: true, branch: false, labels: false, action: false },
    ref: null,
    subject: (body: Json) => ({ title: titleOf(attributesOf(body)["name"]) }),
    sentence: (telling: Telling) =>
      `${titled(noun, telling.meta.title, "the ")} is about to expire${inPlace(telling)}`,
    activity: null,
    cloudEvent: plainCloudEvent,
  }) as const;

export const accessToken = defineKind({ kind: "access_token", ...expiring("access token") });
export const deployToken = defineKind({ kind: "deploy_token", ...expiring("deploy token") });
