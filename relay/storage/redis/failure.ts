/** What Redis, or the way to it, refused: in the queue's words, and without anything secret. */
import { messageOf, UpstreamError } from "../../../lib/errors.ts";

/** Words that Redis begins its refusals with; of those from inside a script, older versions tell them further on. */
const REFUSALS: ReadonlyMap<string, string> = new Map([
  ["OOM", "Redis is out of memory: maxmemory is reached (OOM)"],
  ["MISCONF", "Redis cannot write its data to disk (MISCONF)"],
  ["READONLY", "Redis is a replica that takes no writes (READONLY)"],
  ["LOADING", "Redis is loading its data set (LOADING)"],
  ["MASTERDOWN", "Redis has lost its master (MASTERDOWN)"],
  ["CLUSTERDOWN", "the Redis cluster is down (CLUSTERDOWN)"],
  ["NOREPLICAS", "Redis has too few replicas to write (NOREPLICAS)"],
  ["BUSY", "Redis is busy with a script (BUSY)"],
  ["NOAUTH", "Redis wants a password (NOAUTH)"],
  ["WRONGPASS", "Redis refused user name or password (WRONGPASS)"],
  ["NOPERM", "the Redis user lacks a right (NOPERM)"],
]);
const REFUSAL = new RegExp(`(?:^|[\\s-])(${[...REFUSALS.keys()].join("|")})\\b`);
const OUT_OF_REACH =
  /timed out|timeout|closed|ECONN|EPIPE|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN|writeable|max retries|ended|refresh slots/i;

/** Whether the script must be sent in full first. */
export function isMissingScript(error: unknown): boolean {
  return messageOf(error).startsWith("NOSCRIPT");
}

export function translateRedisError(error: unknown): UpstreamError {
  if (error instanceof UpstreamError) return error;
  const message = messageOf(error);
  const word = REFUSAL.exec(message)?.[1];
  if (word !== undefined) {
    const meaning = REFUSALS.get(word) as string;
    const detail = word === "NOPERM" ? `${meaning}: ${message}` : meaning;
    return new UpstreamError(word === "OOM" ? "queue-full" : "storage", detail, { retryable: true });
  }
  const said = OUT_OF_REACH.test(message) ? "is out of reach" : "refused";
  return new UpstreamError("storage", `Redis ${said}: ${message}`, { retryable: true });
}
