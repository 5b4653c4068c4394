/**
 * The audit trail: who asked the relay for which change, and how it was answered. In the data folder a file per UTC day, on Redis a
 * stream that all relays share.
 */

export interface AuditEntry {
  /** Sorts by time; unique in the storage. */
  readonly id: string;
  /** Wall clock, milliseconds. */
  readonly at: number;
  readonly person: string;
  readonly role: string;
  /** How they had shown who they are: token, oidc or proxy. */
  readonly via: string;
  /** Address of the sender, as the log has it. */
  readonly client: string;
  /** What was asked for: a route, such as `POST /events/:id/replay`. */
  readonly action: string;
  /** The event or target that it was asked for; null: a set of events. */
  readonly subject: string | null;
  /** Fields of the request, cut and masked. */
  readonly details: string;
  /** HTTP status of the answer; null: the relay ended before it answered, and the change may have been made or not. */
  readonly status: number | null;
}

/** What is written before a change is made. */
export type AuditNote = Omit<AuditEntry, "id" | "status">;

export interface AuditQuery {
  /** Entries older than this one. @default from the newest */
  readonly before?: string;
  readonly subject?: string;
  readonly limit: number;
}

/** A place in the trail that no page gave. */
export class AuditCursorError extends Error {
  override readonly name = "AuditCursorError";
  readonly code = "audit-cursor";

  constructor() {
    super("cursor must be the one that an earlier page gave");
  }
}

export interface AuditPage {
  /** Newest first. There may be fewer than were asked for although there is more: what was looked at is bounded. */
  readonly entries: readonly AuditEntry[];
  /** For `before` of the next page; null: there is no more. */
  readonly cursor: string | null;
}

/** Methods reject with an UpstreamError if the storage is out of reach. */
export interface AuditTrail {
  /** On stable storage when it resolves with the entry's id. */
  note(note: AuditNote): Promise<string>;
  /** How the change was answered. What a crash before it leaves is an entry without a status. */
  answered(id: string, status: number): Promise<void>;
  /** Rejects with an AuditCursorError, too. */
  list(query: AuditQuery): Promise<AuditPage>;
  /** Forgets what is older, wall clock in milliseconds. */
  expire(before: number): Promise<void>;
  close(): Promise<void>;
}

/** A trail that can be taken elsewhere as a whole. */
export interface WholeAuditTrail extends AuditTrail {
  /** All entries, the oldest first. */
  all(): AsyncIterable<AuditEntry>;
  /** Forgets everything and keeps these entries, under ids of its own. A crash half-way leaves some of them. */
  replaceAll(entries: AsyncIterable<AuditEntry>): Promise<void>;
}
