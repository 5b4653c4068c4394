/**
 * What the relay knows of one kind of event beyond its names (those are in lib/events.ts): one row with everything, so that a kind is
 * added in one place. The rows stand in the files of this folder, kinds.ts lists them.
 *
 * A row answers for every event that its names fit, also for payloads that lack what GitLab sends: its functions never throw.
 */
import type { Json } from "../../../lib/json.ts";
import type { Fact } from "../activity-facts.ts";
import type { NewEvent } from "../event.ts";

/** What is known of an event before the queue has given it its id. */
export type Meta = NewEvent["meta"];

export interface Kind<Name extends string = string, Payload = unknown> {
  /** The row of lib/events.ts, by its `kind`. */
  readonly kind: Name;
  /** Type of the payload, for handlers; see payloadOf(). */
  readonly payload: PayloadType<Payload>;
  /** What its payloads have, at least some of them. Rules on something else can never match, or have no effect. */
  readonly has: {
    readonly project: boolean;
    /** The project's path, not its id alone. */
    readonly path: boolean;
    readonly branch: boolean;
    readonly labels: boolean;
    readonly action: boolean;
  };
  /** The ref that the event is about, and the source of a merge request; null: events of this kind have none. */
  readonly ref: ((body: Json) => RefFacts) | null;
  /** Number, title and type of what the event is about, for lists; null: they tell nothing of it. */
  readonly subject: ((body: Json) => Subject) | null;
  /** The event in one sentence. */
  readonly sentence: (telling: Telling) => string;
  /** What the event says about a project's work; null: nothing, by decision. */
  readonly activity: ((meta: Meta, body: Json) => Fact[]) | null;
  /** Its name as a CloudEvent. */
  readonly cloudEvent: (meta: Meta, body: Json) => CloudEventName;
}

export interface RefFacts {
  /** See ref.ts. */
  readonly ref: string | null;
  /** Whether the ref came into being or ceased to exist. */
  readonly change?: "created" | "deleted";
  readonly sourceProjectId?: number | null;
  readonly sourceBranch?: string | null;
}

export interface Subject {
  readonly iid?: number | null;
  readonly title?: string | null;
  /** Type of a work item, or of what a comment or reaction is on, as GitLab writes it: `Task`, `MergeRequest`. */
  readonly type?: string | null;
}

/** What a sentence is made of. In lists there is the metadata alone, and the body is empty. */
export interface Telling {
  readonly meta: Meta;
  readonly body: Json;
  readonly attributes: Json;
  /** Who did it; "someone" if the payload does not say. */
  readonly who: string;
  /** `acme/shop`, or null. */
  readonly place: string | null;
}

export interface CloudEventName {
  /** What follows `com.gitlab.`; null words are left out. */
  readonly type: readonly (string | null)[];
  readonly subject: string | null;
  /** RFC 3339. @default the time of receipt */
  readonly time?: string | null;
  /** @default the address of the project */
  readonly source?: string | null;
}

/** Holds a type and nothing else. */
export interface PayloadType<Payload> {
  readonly type?: Payload;
}

export function payloadOf<Payload>(): PayloadType<Payload> {
  return {};
}

/** Keeps the literal name and the type of the payload. */
export function defineKind<const Name extends string, Payload>(
  kind: Kind<Name, Payload>,
): Kind<Name, Payload> {
  return kind;
}
