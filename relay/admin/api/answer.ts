/** Answers of the admin API that are not a success: one JSON shape, as on the webhook side. */
import type { Context } from "hono";

export type RefusalStatus = 400 | 401 | 403 | 404 | 409 | 413 | 429 | 500 | 503;

export interface Refusal {
  readonly status: RefusalStatus;
  /** A fixed word that scripts may switch on. */
  readonly code: string;
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

/** What a parser of parameters throws; becomes the answer. */
export class RefusalError extends Error {
  override readonly name = "RefusalError";
  readonly refusal: Refusal;
  constructor(status: RefusalStatus, code: string, message: string) {
    super(message);
    this.refusal = { status, code, message };
  }
}

/** `{"error": {"code", "message"}}` with the headers that belong to the status. */
export function refuse(c: Context, refusal: Refusal): Response {
  if (refusal.status === 401) c.header("WWW-Authenticate", 'Bearer realm="gitlab-hook-relay"');
  if (refusal.retryAfterSeconds !== undefined) c.header("Retry-After", String(refusal.retryAfterSeconds));
  return c.json({ error: { code: refusal.code, message: refusal.message } }, refusal.status);
}
