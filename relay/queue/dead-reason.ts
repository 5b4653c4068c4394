/**
 * Why deliveries were given up, as one of a fixed set of reasons by which dead letters are counted: the last answer, what kept an answer
 * from coming, or what ended the delivery without one. The full reason stays with each delivery.
 */
import type { Delivery } from "./delivery-state.ts";
import { isOrphanReason } from "./orphans.ts";

/** Statuses with a reason of their own; the others count by their class. */
const STATUSES = [400, 401, 403, 404, 405, 408, 409, 410, 413, 422, 425, 429, 500, 502, 503, 504] as const;

/** Storages keep places in this list: names are only ever added, at the end, 60 at most. */
export const DEAD_REASONS: readonly string[] = [
  "other",
  "no answer",
  "timeout",
  "connection refused",
  "connection lost",
  "name not found",
  "TLS",
  "target gone",
  "event unreadable",
  "redirect",
  "4xx",
  "5xx",
  ...STATUSES.map(String),
  "not sent",
];

export type DeadReason = (typeof DEAD_REASONS)[number];

/** Part of the error of such an event, in lower case. */
const UNREADABLE = "the stored event cannot be read";

/** What the error of an attempt without an answer says, first match wins. */
const FAILURES: readonly (readonly [reason: DeadReason, signs: readonly string[]])[] = [
  ["event unreadable", [UNREADABLE]],
  ["timeout", ["no answer within", "etimedout", "timeout", "timed out", "und_err_connect_timeout"]],
  ["connection refused", ["econnrefused"]],
  ["name not found", ["enotfound", "eai_again"]],
  ["TLS", ["certificate", "ssl", "tls", "err_tls", "self-signed"]],
  ["connection lost", ["econnreset", "epipe", "und_err_socket", "other side closed", "socket hang up"]],
];
/** Characters of an error that are looked at. */
const LOOKED_AT = 500;

/** Of a delivery that is dead. */
export function deadReasonOf({ reason, history }: Pick<Delivery, "reason" | "history">): DeadReason {
  if (reason !== null && isOrphanReason(reason)) return "target gone";
  const last = history.at(-1);
  if (last === undefined) return "other";
  if (last.status !== null) return reasonOfStatus(last.status);
  const error = (last.error ?? "").slice(0, LOOKED_AT).toLowerCase();
  // A target that answers nothing is tried again until attempts or age run out, and the reason says so. The error alone is the reason
  // of what could not be made into a request, whatever words it has.
  const isUnsent = last.error !== null && reason === last.error && !error.includes(UNREADABLE);
  if (isUnsent) return "not sent";
  const found = FAILURES.find(([, signs]) => signs.some((sign) => error.includes(sign)));
  return found === undefined ? "no answer" : found[0];
}

/** Its place in DEAD_REASONS. */
export function deadReasonCode(delivery: Pick<Delivery, "reason" | "history">): number {
  return DEAD_REASONS.indexOf(deadReasonOf(delivery));
}

function reasonOfStatus(status: number): DeadReason {
  if ((STATUSES as readonly number[]).includes(status)) return String(status);
  if (status >= 300 && status < 400) return "redirect";
  if (status >= 400 && status < 500) return "4xx";
  return status >= 500 && status < 600 ? "5xx" : "other";
}
