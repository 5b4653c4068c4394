/** The answers of the ladder: refusals, each with its code, and what is said of an event that is stored. */
import type { Clock } from "../../lib/clock.ts";
import type { RequestStatus } from "../observe/metrics.ts";
import { discardRest, isStillSending } from "./body.ts";
import { awaitsContinue, type WebhookRequest } from "./request.ts";
import type { UnverifiedBodies } from "./unverified.ts";

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

const JSON_HEADERS = { "content-type": "application/json" };

export function json(status: number, value: unknown): Response {
  return new Response(JSON.stringify(value), { status, headers: JSON_HEADERS });
}

/** Ends the connection where the body was not read; the sender gets the whole answer first, even while it is still sending. */
export function refusal(
  request: WebhookRequest,
  refused: Refused,
  { unverified, clock }: { readonly unverified: UnverifiedBodies; readonly clock: Clock },
): Response {
  const { code, message } = refused;
  const body = JSON.stringify({ error: { code, message } });
  const headers: Record<string, string> = { ...JSON_HEADERS };
  if (refused.retryAfterSeconds !== undefined) headers["retry-after"] = String(refused.retryAfterSeconds);
  if (refused.unread !== true || request.incoming === null)
    return new Response(body, { status: refused.status, headers });
  const { incoming } = request;
  if (isStillSending(request)) {
    headers["connection"] = "close";
    headers["content-length"] = String(Buffer.byteLength(body));
    const lingering = new ReadableStream({
      async start(controller) {
        controller.enqueue(Buffer.from(body));
        await discardRest(incoming, unverified, clock);
        controller.close();
      },
    });
    return new Response(lingering, { status: refused.status, headers });
  }
  if (awaitsContinue(request)) headers["connection"] = "close";
  return new Response(body, { status: refused.status, headers });
}
