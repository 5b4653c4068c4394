/** The answers of the ladder: refusals, each with its code, and what is said of an event that is stored. */
import type { RequestStatus } from "../observe/metrics.ts";
import { isStillSending } from "./unwanted.ts";
import { awaitsContinue, type WebhookRequest } from "./request.ts";

export interface Refused {
  readonly ok: false;
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly counted: RequestStatus;
  readonly retryAfterSeconds?: number;
  /** The body was not read to its end. */
  readonly unread?: boolean;
}

export const FORBIDDEN: Refused = {
  ok: false,
  status: 403,
  code: "forbidden",
  message: "requests from this address are not accepted",
  counted: "forbidden",
  unread: true,
};
/** The address is on the list of another GitLab than the one whose credential came with the body. */
export const READ_AND_FORBIDDEN: Refused = { ...FORBIDDEN, unread: false };
export const MALFORMED: Refused = {
  ok: false,
  status: 400,
  code: "malformed",
  message: "the body must be a JSON object in UTF-8",
  counted: "malformed",
};
export const TOO_SLOW: Refused = {
  ok: false,
  status: 408,
  code: "timeout",
  message: "the body did not come in time",
  counted: "malformed",
  unread: true,
};
/** Its place in memory was needed for others: see unverified.ts. */
export const CROWDED_OUT: Refused = {
  ...TOO_SLOW,
  message: "the body took too long to come in while too many others waited to be verified",
};
export const BROKEN: Refused = {
  ok: false,
  status: 400,
  code: "malformed",
  message: "the body ended before its announced length",
  counted: "malformed",
};

export function tooLarge(limit: number): Refused {
  return {
    ok: false,
    status: 413,
    code: "too_large",
    message: `the body is larger than ${limit} bytes`,
    counted: "too_large",
    unread: true,
  };
}

/** What becomes of the request's connection after its answer. */
export type Connection =
  /** It goes on. */
  | "kept"
  /** What is left of the body is thrown away, and it goes on. */
  | "skipped"
  /** It ends: the body was never asked for. */
  | "closed"
  /** It ends once the body was read and thrown away, within limits: a sender that is still sending must not be cut short. */
  | "drained";

/** An answer, whichever way it goes out: its body is JSON. */
export interface Reply {
  readonly status: number;
  readonly body: string;
  readonly connection: Connection;
  readonly retryAfterSeconds?: number;
}

export function json(status: number, value: unknown): Reply {
  return { status, body: JSON.stringify(value), connection: "kept" };
}

export function refusal(request: WebhookRequest, refused: Refused): Reply {
  const { status, code, message, retryAfterSeconds } = refused;
  const answer: Reply = { ...problem(status, code, message), connection: connectionAfter(request, refused) };
  return retryAfterSeconds === undefined ? answer : { ...answer, retryAfterSeconds };
}

/** A refusal in the form that all of the relay's have. */
export function problem(status: number, code: string, message: string): Reply {
  return json(status, { error: { code, message } });
}

function connectionAfter(request: WebhookRequest, { unread }: Refused): Connection {
  if (unread !== true || request.incoming === null) return "kept";
  if (isStillSending(request)) return "drained";
  return awaitsContinue(request) ? "closed" : "skipped";
}
