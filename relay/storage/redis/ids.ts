/** What the Redis queue reads out of event ids and makes of them. */
import type { NewEvent } from "../../event/event.ts";
import {
  digestOf,
  formatId,
  idWords,
  orderOf,
  parseId,
  timeOfOrder,
  type IdWords,
} from "../../event/event-id.ts";
import { GITLAB_IDS, gitlabIdsOf, numberOfId } from "../../event/gitlab-ids.ts";

/** Hexadecimal digits of a number of 32 bits. library.lua knows it, too. */
const NUMBER_LENGTH = 8;
/** Characters of an id that hold its digest, and no bit of its time. */
const DIGEST_LENGTH = 14;

/** Wall clock of storing, milliseconds. */
export function receivedAtOf(id: string): number {
  const words = parseId(id);
  return words === null ? 0 : timeOfOrder(orderOf(words[0]!, words[1]!));
}

/** The smallest id of a time: everything stored before it sorts below. */
export function firstIdOf(time: number): string {
  const words = idWords(Math.max(0, time) * 1024, Uint32Array.of(0, 0, 0, 0));
  return formatId(words[0]!, words[1]!, words[2]!, words[3]!);
}

/** The beginning of the smallest id of a time, before the digest: of what is remembered, all that is older sorts below. */
export function firstOrderOf(time: number): string {
  return firstIdOf(time).slice(0, -DIGEST_LENGTH);
}

/** In the index `gitlab-ids`, what the members of events with this id of GitLab's (folded: gitlab-ids.ts) begin with. */
export function gitlabIdStart(id: string): string {
  return numberOfId(id).toString(16).padStart(NUMBER_LENGTH, "0");
}

/** What of it stands in an event's hash: the starts, one after another, by which its members are found again. */
export function gitlabIdStarts(meta: NewEvent["meta"]): string {
  return gitlabIdsOf(meta).slice(0, GITLAB_IDS).map(gitlabIdStart).join("");
}

/** How a delivery is remembered: the digest of its dedupe key, for the id and as text for the key in Redis. */
export function memoryOf(dedupeKey: string): { readonly digest: IdWords; readonly text: string } {
  const digest = digestOf(dedupeKey);
  return { digest, text: formatId(0, digest[1]!, digest[2]!, digest[3]!).slice(-DIGEST_LENGTH) };
}
