/**
 * A ready format: an event as a receiver wants it, told in one sentence with a link. What it tells comes from strangers, so that each
 * format takes away what its receiver would act on: mentions of everybody, links behind other words, markup.
 */
import { list, object, text, type Json } from "../../../../lib/json.ts";
import type { EventMeta } from "../../../event/event.ts";
import { linkOf } from "../../../event/link.ts";
import { refType, shortRef } from "../../../event/ref.ts";
import { sentence } from "../../../event/sentence.ts";
import { viewOf, type VisibleEvent } from "../../../event/view.ts";

export interface Format {
  readonly contentType: string;
  body(event: ToldEvent): string;
}

/** What a format tells of an event. */
export interface ToldEvent extends VisibleEvent {
  readonly kind: string | null;
  /** "alice pushed 3 commits to main of acme/shop" */
  readonly sentence: string;
  /** The page of GitLab that it is about; null: the payload names none. */
  readonly url: string | null;
  readonly tag: string | null;
  /** The commit that it is about. */
  readonly sha: string | null;
}

export function toldEvent(meta: EventMeta, payload: Json): ToldEvent {
  return {
    ...viewOf(meta),
    kind: meta.kind,
    sentence: sentence(meta, payload),
    url: linkOf(meta, payload),
    tag: meta.ref !== null && refType(meta.ref) === "tag" ? shortRef(meta.ref) : null,
    sha: commitOf(payload),
  };
}

const COMMIT = /^(?!0+$)[0-9a-f]{40,64}$/;

function commitOf(body: Json): string | null {
  const attributes = object(body["object_attributes"]);
  const found = [
    body["checkout_sha"],
    object(attributes["last_commit"])["id"],
    attributes["sha"],
    body["sha"],
    object(body["commit"])["id"],
    object(list(body["commits"]).at(-1))["id"],
  ];
  return text(...found.filter((one) => typeof one === "string" && COMMIT.test(one)));
}

/** As JSON. */
export function jsonFormat(body: (event: ToldEvent) => unknown): Format {
  return { contentType: "application/json", body: (event) => JSON.stringify(body(event)) };
}
