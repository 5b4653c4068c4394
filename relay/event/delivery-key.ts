/**
 * What makes two webhooks the same delivery, as a key that the queue remembers. Ids of the request decide:
 *
 *   webhook-id, else Idempotency-Key    GitLab >= 17.4. One id per hook and event; job retries and resends keep it.
 *   X-Gitlab-Event-UUID and             GitLab >= 16.2. The latter is new for each request: what comes again with it was repeated
 *   X-Gitlab-Webhook-UUID               on the way, or by `recover`. A retry of GitLab's own job, which is rare, is a new delivery.
 *   one of them, and the content        Older. A chain of events, of several hooks, may share the former.
 *   content                             GitLab sent none of these.
 *
 * Keys hold the instance and the hook, so that ids of different hooks or instances never meet.
 */
import { createHash } from "node:crypto";

/** Where a delivery comes from. */
export interface DeliverySource {
  /** See originOf(). */
  readonly origin: string | null;
  /** `p<project>` or `g<group>` at the end of the hook's URL. */
  readonly hookKey: string | null;
}

/**
 * The GitLab as keys hold it. One that the settings name is known by its credential, so that its name counts, with a slash, which no
 * host has; for the one of `gitlab` it is what the request says.
 * @param host of `X-Gitlab-Instance`, with its port if it has one; null: not sent, or no address
 */
export function originOf(instance: string | null, host: string | null): string | null {
  return instance === null ? host : `${instance}/`;
}

/** Ids that GitLab sent; null: not sent, or empty. */
export interface DeliveryIds {
  /** `webhook-id`, else `Idempotency-Key`. */
  readonly deliveryId: string | null;
  readonly webhookUuid: string | null;
  readonly eventUuid: string | null;
}

export function deliveryKey(
  source: DeliverySource,
  ids: DeliveryIds,
  content: { readonly header: string | null; readonly body: Uint8Array },
): string {
  if (ids.deliveryId !== null) return keyOfId(source, ids.deliveryId);
  const { eventUuid, webhookUuid } = ids;
  if (eventUuid !== null && webhookUuid !== null) return `uuid:${scoped(source, [eventUuid, webhookUuid])}`;
  const hash = createHash("sha256")
    .update(scoped(source, [eventUuid, webhookUuid, content.header]))
    .update(content.body);
  return `content:${hash.digest("hex")}`;
}

/** The key of a delivery with this `webhook-id` or `Idempotency-Key`. */
export function keyOfId(source: DeliverySource, deliveryId: string): string {
  return `id:${source.origin ?? ""}\n${source.hookKey ?? ""}\n${deliveryId}`;
}

/** As version 0.1.0 remembered it: by the id alone. */
export function formerKeyOfId(deliveryId: string): string {
  return `id:${deliveryId}`;
}

/** One line each: neither a header's value nor a hook's key holds a line end, and none of them is empty. */
function scoped({ origin, hookKey }: DeliverySource, parts: readonly (string | null)[]): string {
  return `${origin ?? ""}\n${hookKey ?? ""}\n${parts.map((part) => part ?? "").join("\n")}`;
}
