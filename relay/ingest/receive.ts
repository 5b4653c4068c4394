/**
 * The answer to a webhook: a ladder of refusals in a fixed order, first match wins, then the storage.
 *
 *   403 forbidden      the sender's address is not on the allow-list
 *   413 too_large      the body is above the limit: by Content-Length, else while it is read (without a credential: measured for
 *                      a second, and not kept)
 *   401 unauthorized   no valid secret token or signature (429 too_many_failures once a sender keeps failing)
 *   400 malformed      not a JSON object
 *   401 unauthorized   under a hook's path: the event is not the hook's (hook-binding.ts)
 *   202, 200           on stable storage; or was already
 *   503 unavailable    cannot be stored now, with Retry-After
 *
 * 404 and 405 come before it, in relay/process/app.ts. A body that stops half-way or takes longer than a minute (408 timeout) has no
 * answer on the ladder: there is nobody, or no body, to give it to.
 */
import type { Clock } from "../../lib/clock.ts";
import { UpstreamError } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import type { Config } from "../config/schema.ts";
import { formerKeyOfId, keyOfId } from "../event/delivery-key.ts";
import type { ActivityFacts } from "../event/activity-facts.ts";
import type { NewEvent } from "../event/event.ts";
import { incomingTraceId, type TraceIdOf } from "../event/trace.ts";
import type { RequestStatus } from "../observe/metrics.ts";
import type { Enqueued, Queue } from "../queue/queue.ts";
import { createThrottle } from "../http/throttle.ts";
import { createAddressRules, senderOf, type AddressRules } from "../http/client-address.ts";
import {
  BROKEN,
  CROWDED_OUT,
  FORBIDDEN,
  json,
  MALFORMED,
  refusal,
  tooLarge,
  TOO_SLOW,
  type Refused,
} from "./answer.ts";
import { createAuthenticator, instanceHost, type Authenticator, type Credential } from "./authenticate.ts";
import { hookMismatch } from "./hook-binding.ts";
import { isTooLarge, readBody, type BodyRead } from "./body.ts";
import { newEvent, parseObject } from "./event.ts";
import { contentLengthOf, type RequestHeaders, type WebhookRequest } from "./request.ts";
import { UnverifiedBodies } from "./unverified.ts";

/** Milliseconds that storing may take; GitLab waits 10 seconds. The event may still be stored later: its repetition is a duplicate. */
export const PERSIST_DEADLINE_MS = 5000;
/** Failures in a row that are still answered with 401. */
export const FAILURE_BURST = 30;
/** Milliseconds after which one more failure is answered with 401. */
export const FAILURE_REFILL_MS = 2000;
/** Delivery ids that one request may ask about. */
export const MAX_KNOWN_IDS = 500;
/** Seconds after which the sender may try again, where the storage does not say better. */
const RETRY_AFTER_SECONDS = 10;

/** What changes when relay.yaml does; compiled once, swapped as a whole. */
export interface IngestRules {
  readonly maxBodyBytes: number;
  /** Bytes of bodies, in all, that may wait to be verified. */
  readonly maxUnverifiedBytes: number;
  readonly addresses: AddressRules;
  readonly authenticator: Authenticator;
}

export function compileIngest(config: Pick<Config, "server" | "gitlab">): IngestRules {
  return {
    maxBodyBytes: config.server.maxBodyBytes,
    // One body must fit, with what its pieces cost beside their bytes.
    maxUnverifiedBytes: Math.max(config.server.maxUnverifiedBytes, 1.25 * config.server.maxBodyBytes),
    addresses: createAddressRules(config.server),
    authenticator: createAuthenticator(config.gitlab),
  };
}

/** Who keeps what the events say about the work. */
export interface ActivityReader {
  /** Null: the event says nothing. Never throws. */
  read(meta: NewEvent["meta"], parsed: unknown): ActivityFacts | null;
  /** A new event is stored under this id. */
  note(facts: ActivityFacts, eventId: string): void;
}

export interface IngestDeps {
  readonly queue: Pick<Queue, "enqueue" | "known">;
  readonly clock: Clock;
  readonly log: Log;
  /** The rules in force; read once per request. */
  readonly rules: () => IngestRules;
  /** Reads each body while it is parsed anyway, and is told once its event is stored. @default nobody looks */
  readonly activity?: ActivityReader;
  /** Frees buffers that are garbage: after megabytes that strangers sent. @default the engine does when it likes */
  readonly collect?: () => void;
  /** True once the relay is shutting down: what comes after that is answered with 503. */
  /** @default the id of the trace that the event came with */
  readonly traceIdOf?: TraceIdOf;
  readonly isStopping: () => boolean;
  readonly metrics: {
    request(status: RequestStatus, kind: string | null, durationMs: number): void;
  };
}

export interface Ingest {
  /** Answers a webhook. Rejects only on a bug. */
  receive(request: WebhookRequest, hookKey: string | null): Promise<Response>;
  /** Answers which delivery ids are stored; the same ladder, another body. */
  known(request: WebhookRequest, hookKey: string | null): Promise<Response>;
}

interface Admitted<T> {
  readonly ok: true;
  readonly value: T;
}

/** An authenticated JSON object, as received. */
interface Checked {
  readonly headers: RequestHeaders;
  readonly hookKey: string | null;
  readonly body: Uint8Array;
  readonly parsed: Readonly<Record<string, unknown>>;
  readonly verifiedBy: readonly Credential[];
  readonly receivedAt: number;
  readonly verifiedMs: number;
}

/** The secret is right, the event is not the hook's. */
class Mismatch {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

/** What is answered where a body could not be had. */
const UNREAD: Readonly<Record<(BodyRead & { ok: false })["reason"], (limit: number) => Refused>> = {
  "too-large": tooLarge,
  "too-slow": () => TOO_SLOW,
  "crowded-out": () => CROWDED_OUT,
  broken: () => BROKEN,
};

interface ReadEvent {
  readonly event: NewEvent;
  readonly facts: ActivityFacts | null;
}

export function createIngest(deps: IngestDeps): Ingest {
  const { queue, clock, log, metrics, traceIdOf = incomingTraceId } = deps;
  const unverified = new UnverifiedBodies(() => deps.rules().maxUnverifiedBytes, deps.collect);
  const lingering = { unverified, clock };
  const throttle = createThrottle(clock, { burst: FAILURE_BURST, refillMs: FAILURE_REFILL_MS });

  /**
   * The ladder down to 400. `use` takes what it needs of the parsed body, which is garbage after it: kept until the event is
   * stored, it would survive collections and cost as much again.
   */
  async function admit<T>(
    request: WebhookRequest,
    hookKey: string | null,
    startedMs: number,
    use: (checked: Checked) => T | Mismatch,
  ): Promise<Admitted<T> | Refused> {
    const rules = deps.rules();
    const receivedAt = clock.now();
    const { headers } = request;
    const forwarded = headers["x-forwarded-for"];
    const address = rules.addresses.clientOf(
      request.socketAddress,
      typeof forwarded === "string" ? forwarded : undefined,
    );
    if (!rules.addresses.allowed(address)) {
      log.warn("webhook.forbidden", { address });
      return FORBIDDEN;
    }
    const limit = rules.maxBodyBytes;
    const announced = contentLengthOf(headers);
    if (announced !== null && announced > limit) return tooLarge(limit);
    const claimed = rules.authenticator.claim(headers, hookKey);
    if (claimed.refused !== null) {
      // A chunked body may turn out to be too large, which comes before 401; none of it is kept.
      if (announced === null && (await isTooLarge(request, { maxBytes: limit, unverified }, clock)))
        return tooLarge(limit);
      return { ...unauthorized(address, claimed.refused, hookKey), unread: true };
    }
    const held = claimed.token === "right" ? null : unverified;
    const read = await readBody(request, { maxBytes: limit, unverified: held }, clock);
    if (!read.ok) {
      if (read.reason === "crowded-out") log.warn("webhook.crowded-out", { address, hookKey });
      return UNREAD[read.reason](limit);
    }
    const verdict = rules.authenticator.judge(claimed, headers, read.bytes, receivedAt);
    if (!verdict.ok) return unauthorized(address, verdict.reason, hookKey);
    const verifiedMs = Math.round((clock.monotonic() - startedMs) * 1000) / 1000;
    const parsed = parseObject(read.bytes);
    if (parsed === null) return MALFORMED;
    const { verifiedBy } = verdict;
    const value = use({ headers, hookKey, body: read.bytes, parsed, verifiedBy, receivedAt, verifiedMs });
    return value instanceof Mismatch ? unauthorized(address, value.reason, hookKey) : { ok: true, value };
  }

  function unauthorized(address: string | null, reason: string, hookKey: string | null): Refused {
    const waitSeconds = throttle.fail(senderOf(address));
    if (waitSeconds > 0) {
      return {
        ok: false,
        status: 429,
        code: "too_many_failures",
        message: "too many requests from this address had no valid secret token or signature",
        counted: "unauthorized",
        retryAfterSeconds: waitSeconds,
      };
    }
    log.warn("webhook.unauthorized", { address, reason, hookKey });
    return {
      ok: false,
      status: 401,
      code: "unauthorized",
      message: "no valid secret token or signature",
      counted: "unauthorized",
    };
  }

  function unavailable(error: unknown): Refused {
    if (!(error instanceof UpstreamError)) throw error;
    log.error("webhook.unavailable", { code: error.code, reason: error.message });
    return {
      ok: false,
      status: 503,
      code: "unavailable",
      message: "the event cannot be stored now",
      counted: "unavailable",
      retryAfterSeconds:
        error.retryAfterMs === null ? RETRY_AFTER_SECONDS : Math.ceil(error.retryAfterMs / 1000),
    };
  }

  /** Rejects with an UpstreamError at the deadline; what comes of the task after it is nobody's business. */
  function withinDeadline<T>(task: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = clock.after(PERSIST_DEADLINE_MS, () =>
        reject(
          new UpstreamError("timeout", `the storage took longer than ${PERSIST_DEADLINE_MS} ms`, {
            retryable: true,
          }),
        ),
      );
      task.then(
        (value) => {
          timer.cancel();
          resolve(value);
        },
        (error: unknown) => {
          timer.cancel();
          reject(error);
        },
      );
    });
  }

  const toEvent = (checked: Checked): ReadEvent | Mismatch => {
    const event = newEvent(checked);
    const { hookKey, parsed } = checked;
    const mismatch = hookKey === null ? null : hookMismatch(hookKey, event.meta, parsed);
    if (mismatch !== null) return new Mismatch(mismatch);
    return { event, facts: deps.activity?.read(event.meta, parsed) ?? null };
  };

  /** The facts count once the event is stored, even if that takes longer than the sender is made to wait. */
  async function enqueue({ event, facts }: ReadEvent): Promise<Enqueued> {
    const stored = await queue.enqueue(event);
    if (facts !== null && stored.status === "accepted") deps.activity?.note(facts, stored.id);
    return stored;
  }

  return {
    async receive(request, hookKey) {
      const startedMs = clock.monotonic();
      const isStopping = deps.isStopping();
      const admitted = await admit(request, hookKey, startedMs, toEvent);
      if (!admitted.ok) {
        metrics.request(admitted.counted, null, clock.monotonic() - startedMs);
        return refusal(request, admitted, lingering);
      }
      const { event } = admitted.value;
      let stored: Enqueued;
      try {
        if (isStopping)
          throw new UpstreamError("stopping", "the relay is shutting down", { retryable: true });
        stored = await withinDeadline(enqueue(admitted.value));
      } catch (error) {
        const refused = unavailable(error);
        metrics.request(refused.counted, event.meta.kind, clock.monotonic() - startedMs);
        return refusal(request, refused, lingering);
      }
      metrics.request(stored.status, event.meta.kind, clock.monotonic() - startedMs);
      log.info(stored.status === "accepted" ? "webhook.accepted" : "webhook.duplicate", {
        eventId: stored.id,
        kind: event.meta.kind,
        project: event.meta.projectPath,
        traceId: traceIdOf({ id: stored.id, headers: event.meta.headers }),
      });
      return json(stored.status === "accepted" ? 202 : 200, stored);
    },

    async known(request, hookKey) {
      const admitted = await admit(request, hookKey, clock.monotonic(), idsOf);
      if (!admitted.ok) return refusal(request, admitted, lingering);
      const asked = admitted.value;
      if (asked === null) {
        const message = `"ids" must be a list of at most ${MAX_KNOWN_IDS} delivery ids`;
        return refusal(request, { ...MALFORMED, message }, lingering);
      }
      try {
        const keys = asked.map(({ keys: ofId }) => ofId);
        const known = new Set(await withinDeadline(queue.known(keys.flat())));
        const stored = asked.filter(({ keys: ofId }) => ofId.some((key) => known.has(key)));
        return json(200, { known: stored.map(({ id }) => id) });
      } catch (error) {
        return refusal(request, unavailable(error), lingering);
      }
    },
  };
}

interface Asked {
  readonly id: string;
  /** Keys under which a delivery of this id may be stored. */
  readonly keys: readonly string[];
}

/**
 * The ids with their keys: of this hook; of the time before its URL had a hook key; of version 0.1.0. Null if they are not what may be
 * asked.
 */
function idsOf({ parsed: { ids }, headers, hookKey }: Checked): readonly Asked[] | null {
  const isList =
    Array.isArray(ids) && ids.length <= MAX_KNOWN_IDS && ids.every((id) => typeof id === "string");
  if (!isList) return null;
  const host = instanceHost(headers);
  const sources =
    hookKey === null
      ? [{ host, hookKey }]
      : [
          { host, hookKey },
          { host, hookKey: null },
        ];
  return (ids as readonly string[]).map((id) => ({
    id,
    keys: [...sources.map((source) => keyOfId(source, id)), formerKeyOfId(id)],
  }));
}
