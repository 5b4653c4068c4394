/**
 * From headers and raw body to the event that is stored: what is kept of the headers, and what makes a second delivery of the
 * same event recognisable.
 */
import type { Json } from "../../lib/json.ts";
import { ALERT_TARGETS } from "../event/alert.ts";
import { deliveryKey, formerKeyOfId, originOf } from "../event/delivery-key.ts";
import { eventFacts } from "../event/event-facts.ts";
import type { NewEvent } from "../event/event.ts";
import { pairKeyOf } from "../event/pair-key.ts";
import { isTestDelivery } from "../event/test-delivery.ts";
import { isOwnHeader, SECRET_HEADER } from "../event/received-headers.ts";
import { instanceHost } from "./authenticate.ts";
import { headerOf, type RequestHeaders } from "./request.ts";

export interface ReceivedWebhook {
  readonly headers: RequestHeaders;
  readonly body: Uint8Array;
  /** The commits of a push and the jobs of a pipeline may be missing: see payload.ts. */
  readonly parsed: Json;
  readonly hookKey: string | null;
  /** The GitLab whose credential it carries; null: the one of `gitlab`. */
  readonly instance: string | null;
  /** Whether a system hook's and another hook's event are recognised as a pair. */
  readonly pairSystemHooks: boolean;
  /** Wall clock, milliseconds. */
  readonly receivedAt: number;
  readonly verifiedBy: readonly ("token" | "signature")[];
  readonly verifiedMs: number;
}

const NONE: ReadonlySet<string> = new Set();

/**
 * The event as the queue takes it. Never throws, whatever the payload holds.
 * @param custom headers that are kept beside GitLab's own, names in lower case
 */
export function newEvent(received: ReceivedWebhook, custom: ReadonlySet<string> = NONE): NewEvent {
  const { headers, body, hookKey, parsed } = received;
  const header = headerOf(headers, "x-gitlab-event");
  const instance = headerOf(headers, "x-gitlab-instance");
  const facts = eventFacts({ header, instance }, parsed);
  const deliveryId = headerOf(headers, "webhook-id") ?? headerOf(headers, "idempotency-key");
  const meta: NewEvent["meta"] = {
    receivedAt: received.receivedAt,
    header,
    kind: facts.kind,
    eventName: facts.eventName,
    action: facts.action,
    projectId: facts.projectId,
    projectPath: facts.projectPath,
    groupId: facts.groupId,
    groupPath: facts.groupPath,
    ref: facts.ref,
    actor: facts.actor,
    refChange: facts.refChange,
    sourceProjectId: facts.sourceProjectId,
    sourceBranch: facts.sourceBranch,
    iid: facts.iid,
    title: facts.title,
    subjectType: facts.subjectType,
    test: isTestDelivery(headerOf(headers, "user-agent"), parsed) ? true : undefined,
    hookKey,
    instance,
    instanceName: received.instance ?? undefined,
    deliveryId,
    recovered: headerOf(headers, "x-relay-recovered") !== null,
    verifiedBy: received.verifiedBy,
    verifiedMs: received.verifiedMs,
    bodyBytes: body.byteLength,
    headers: keptHeaders(headers, custom),
  };
  const pairKey = received.pairSystemHooks ? pairKeyOf(meta, parsed) : undefined;
  const ids = {
    deliveryId,
    webhookUuid: headerOf(headers, "x-gitlab-webhook-uuid"),
    eventUuid: headerOf(headers, "x-gitlab-event-uuid"),
  };
  return {
    meta: pairKey === undefined ? meta : { ...meta, pairKey },
    body,
    dedupeKey: deliveryKey({ origin: originOf(received.instance, instanceHost(headers)), hookKey }, ids, {
      header,
      body,
    }),
    formerDedupeKey: deliveryId === null || received.instance !== null ? null : formerKeyOfId(deliveryId),
  };
}

function keptHeaders(headers: RequestHeaders, custom: ReadonlySet<string>): [string, string][] {
  const kept: [string, string][] = [];
  for (const name in headers) {
    if ((isOwnHeader(name) && name !== SECRET_HEADER && name !== ALERT_TARGETS) || custom.has(name)) {
      const value = headers[name];
      if (typeof value === "string") kept.push([name, value]);
    }
  }
  return kept;
}
