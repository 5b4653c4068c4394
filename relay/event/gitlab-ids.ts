/**
 * The ids that GitLab gave a delivery, by which people look for it: `webhook-id` and `Idempotency-Key`, which are one id of the
 * delivery, `X-Gitlab-Event-UUID`, which several hooks may share, and `X-Gitlab-Webhook-UUID`, which is new with each request. Where a system
 * hook and another hook send the same, the key of the pair is one of them (pair-key.ts).
 *
 * Storages keep a number for each id and not the text: whoever finds an event by it compares the ids themselves.
 */
import type { EventMeta } from "./event.ts";

/** Most ids of one event that can be looked up; the rest is found by searching. */
export const GITLAB_IDS = 3;
const MAX_LENGTH = 128;
const ID_HEADERS: ReadonlySet<string> = new Set([
  "webhook-id",
  "idempotency-key",
  "x-gitlab-event-uuid",
  "x-gitlab-webhook-uuid",
]);

type WithIds = Pick<EventMeta, "deliveryId" | "headers" | "pairKey">;

/** As it is compared: case folded, without space around it; null: it is too long for an id, or empty, or several words. */
export function foldId(text: string): string | null {
  const id = text.trim().toLowerCase();
  return id === "" || id.length > MAX_LENGTH || /\s/.test(id) ? null : id;
}

/** Distinct and folded, the delivery's own first, then the key of its pair. */
export function gitlabIdsOf({ deliveryId, headers, pairKey }: WithIds): string[] {
  const ids: string[] = [];
  if (deliveryId !== null) addId(ids, deliveryId);
  if (pairKey !== undefined) addId(ids, pairKey);
  for (const [name, value] of headers) if (value !== deliveryId && ID_HEADERS.has(name)) addId(ids, value);
  return ids;
}

function addId(ids: string[], text: string): void {
  const id = foldId(text);
  if (id !== null && !ids.includes(id)) ids.push(id);
}

/** The numbers of the first GITLAB_IDS ids. */
export function gitlabIdNumbers(meta: WithIds): number[] {
  return gitlabIdsOf(meta).slice(0, GITLAB_IDS).map(numberOfId);
}

/** A number of 32 bits for a folded id, never 0: FNV-1a. Different ids may have the same. */
export function numberOfId(id: string): number {
  let hash = 0x811c_9dc5;
  for (let at = 0; at < id.length; at++) hash = Math.imul(hash ^ id.charCodeAt(at), 0x0100_0193);
  return hash >>> 0 || 1;
}
