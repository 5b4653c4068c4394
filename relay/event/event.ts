/**
 * An event: one webhook as it was received, and how it is laid out as bytes in the storage.
 *
 * Layout of a stored event: 4 bytes little-endian length of the metadata, the metadata as JSON, the body untouched.
 * The length of the metadata comes first so that lists read it without loading the body.
 */

/** The event of a pair that was stored first, and the targets that got it, which do not get the other. */
export interface Twin {
  /** Its id. */
  readonly of: string;
  readonly targets: readonly string[];
}

export interface EventMeta {
  /** 26 characters of lower-case Crockford base32, sortable by time of receipt: see relay/event/event-id.ts. */
  readonly id: string;
  /** Wall clock, milliseconds. */
  readonly receivedAt: number;
  /** `X-Gitlab-Event`. */
  readonly header: string | null;
  readonly kind: string | null;
  readonly eventName: string | null;
  readonly action: string | null;
  readonly projectId: number | null;
  readonly projectPath: string | null;
  readonly groupId: number | null;
  readonly groupPath: string | null;
  /** A full ref, or a short name that may be a branch or a tag: see ref.ts. */
  readonly ref: string | null;
  readonly actor: string | null;
  /** Whether a push made or deleted its ref. Fields that may be missing are missing in events of 0.1.0, too. */
  readonly refChange?: "created" | "deleted" | undefined;
  /** Project and branch that a merge request comes from: of the merge request, or of its pipeline. */
  readonly sourceProjectId?: number | undefined;
  readonly sourceBranch?: string | undefined;
  /** Number, title (80 characters) and type of what the event is about, such as the merge request that a comment is on. */
  readonly iid?: number | undefined;
  readonly title?: string | undefined;
  readonly subjectType?: string | undefined;
  /** GitLab's own test of the hook: shown and delivered, but counted in no figure of activity. */
  readonly test?: true | undefined;
  /** `p<project>` or `g<group>`, if the hook's URL ends in it. */
  readonly hookKey: string | null;
  /** `X-Gitlab-Instance`: what the sender says, which proves nothing. */
  readonly instance: string | null;
  /** Name of the GitLab in the settings whose credential the event came with; missing: the one of `gitlab`. */
  readonly instanceName?: string | undefined;
  /** What a system hook and another hook say alike of one event; missing: no pair, or pairs are not looked for. See pair-key.ts. */
  readonly pairKey?: string | undefined;
  /** The event of the pair that came first; missing: this one did, or it is alone. */
  readonly twin?: Twin | undefined;
  /** `webhook-id`, else `Idempotency-Key`; null if GitLab sent neither. */
  readonly deliveryId: string | null;
  /** Marked by `X-Relay-Recovered`: it was fetched back from GitLab's delivery log. */
  readonly recovered: boolean;
  /** Which credentials were right. */
  readonly verifiedBy: readonly ("token" | "signature")[];
  /** Milliseconds from the first byte of the request to the checked credentials. */
  readonly verifiedMs: number;
  readonly bodyBytes: number;
  /** Received headers that are kept, names in lower case; never the secret token, never hop-by-hop headers. */
  readonly headers: readonly (readonly [string, string])[];
}

/** An event before the queue has given it its id. */
export interface NewEvent {
  readonly meta: Omit<EventMeta, "id">;
  readonly body: Uint8Array;
  /** What makes a second delivery of the same event recognisable. */
  readonly dedupeKey: string;
  /** The same as version 0.1.0 remembered it, so that events stored by it are recognised; null or absent: there is none. */
  readonly formerDedupeKey?: string | null;
  /** How many events with its pair key are known to be stored. If there are others by now, a shared storage rejects with a PairChangedError. */
  readonly pairsSeen?: number;
}

/** Name of the GitLab that the settings name none for: that of `gitlab`. */
export const DEFAULT_INSTANCE = "default";

/** Which GitLab an event is from, by the settings' names. */
export function instanceOf({ instanceName }: Pick<EventMeta, "instanceName">): string {
  return instanceName ?? DEFAULT_INSTANCE;
}

/** Metadata of an event of which nothing is known, for those who make one up. */
export const NOTHING_KNOWN: Omit<EventMeta, "id" | "receivedAt"> = {
  header: null,
  kind: null,
  eventName: null,
  action: null,
  projectId: null,
  projectPath: null,
  groupId: null,
  groupPath: null,
  ref: null,
  actor: null,
  hookKey: null,
  instance: null,
  deliveryId: null,
  recovered: false,
  verifiedBy: [],
  verifiedMs: 0,
  bodyBytes: 0,
  headers: [],
};

/** Field by field: spreading them behind an id takes V8 ten times as long, and every webhook pays for it. */
export function withId(meta: NewEvent["meta"], id: string): EventMeta {
  return {
    id,
    receivedAt: meta.receivedAt,
    header: meta.header,
    kind: meta.kind,
    eventName: meta.eventName,
    action: meta.action,
    projectId: meta.projectId,
    projectPath: meta.projectPath,
    groupId: meta.groupId,
    groupPath: meta.groupPath,
    ref: meta.ref,
    actor: meta.actor,
    refChange: meta.refChange,
    sourceProjectId: meta.sourceProjectId,
    sourceBranch: meta.sourceBranch,
    iid: meta.iid,
    title: meta.title,
    subjectType: meta.subjectType,
    test: meta.test,
    hookKey: meta.hookKey,
    instance: meta.instance,
    instanceName: meta.instanceName,
    pairKey: meta.pairKey,
    twin: meta.twin,
    deliveryId: meta.deliveryId,
    recovered: meta.recovered,
    verifiedBy: meta.verifiedBy,
    verifiedMs: meta.verifiedMs,
    bodyBytes: meta.bodyBytes,
    headers: meta.headers,
  };
}

export interface StoredEvent {
  readonly meta: EventMeta;
  readonly body: Uint8Array;
}

const LENGTH_BYTES = 4;

/** The parts of a stored event's bytes, to be written one after another. */
export function encodeEvent(event: StoredEvent): readonly Uint8Array[] {
  const json = JSON.stringify(event.meta);
  const length = Buffer.byteLength(json, "utf8");
  const head = Buffer.allocUnsafe(LENGTH_BYTES + length);
  head.writeUInt32LE(length, 0);
  head.write(json, LENGTH_BYTES, length, "utf8");
  return [head, event.body];
}

/** How many bytes from the start hold the metadata; needs the first four bytes. */
export function metaEnd(bytes: Uint8Array): number {
  // Byte by byte: a view costs more than what is read through it, and every attempt pays for it.
  return LENGTH_BYTES + ((bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0);
}

/** The metadata; `bytes` may end where the metadata ends. Throws a SyntaxError if they are no stored event. */
export function decodeMeta(bytes: Uint8Array): EventMeta {
  return metaOf(bytes, metaEnd(bytes));
}

function metaOf(bytes: Uint8Array, end: number): EventMeta {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return JSON.parse(buffer.toString("utf8", LENGTH_BYTES, end)) as EventMeta;
}

export function decodeEvent(bytes: Uint8Array): StoredEvent {
  const end = metaEnd(bytes);
  return { meta: metaOf(bytes, end), body: bytes.subarray(end) };
}
