/**
 * The ladder's refusals that need no storage: from the sender's address down to a body that is an object of the right hook. What passes
 * may be stored. receive.ts shows the whole ladder in its order.
 */
import type { Clock } from "../../lib/clock.ts";
import { Deadlines } from "../../lib/deadlines.ts";
import type { Json } from "../../lib/json.ts";
import type { Log } from "../../lib/log.ts";
import { DEFAULT_INSTANCE } from "../event/event.ts";
import { senderOf } from "../http/client-address.ts";
import { createThrottle } from "../http/throttle.ts";
import {
  BROKEN,
  CROWDED_OUT,
  FORBIDDEN,
  MALFORMED,
  READ_AND_FORBIDDEN,
  tooLarge,
  TOO_SLOW,
  type Refused,
} from "./answer.ts";
import type { Credential } from "./authenticate.ts";
import { BODY_DEADLINE_MS, readBody, type BodyRead } from "./body.ts";
import { isTooLarge, SHORT_BYTES } from "./unwanted.ts";
import { contentLengthOf, type RequestHeaders, type WebhookRequest } from "./request.ts";
import type { IngestRules } from "./rules.ts";
import type { UnverifiedBodies } from "./unverified.ts";

/** Failures in a row that are still answered with 401. */
export const FAILURE_BURST = 30;
/** Milliseconds after which one more failure is answered with 401. */
export const FAILURE_REFILL_MS = 2000;

export interface PassedWebhook<T> {
  readonly ok: true;
  readonly value: T;
}

/** An authenticated JSON object, as received. */
export interface Checked {
  readonly headers: RequestHeaders;
  readonly hookKey: string | null;
  readonly body: Uint8Array;
  readonly parsed: Json;
  readonly verifiedBy: readonly Credential[];
  /** The GitLab whose credential it carries; null: the one of `gitlab`. */
  readonly instance: string | null;
  readonly pairSystemHooks: boolean;
  readonly receivedAt: number;
  readonly verifiedMs: number;
}

/** The secret is right, the event is not the hook's. */
export class Mismatch {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

/** What is answered if there is no body. */
const UNREAD: Readonly<Record<(BodyRead & { ok: false })["reason"], (limit: number) => Refused>> = {
  "too-large": tooLarge,
  "too-slow": () => TOO_SLOW,
  "crowded-out": () => CROWDED_OUT,
  broken: () => BROKEN,
};

export interface AdmissionDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** The rules in force; read once per request. */
  readonly rules: () => IngestRules;
  readonly unverified: UnverifiedBodies;
  /** The JSON object in a body, with as much of it as is used; null: it holds none. */
  readonly parse: (body: Uint8Array) => Json | null;
}

export type Admit = <T>(
  request: WebhookRequest,
  hookKey: string | null,
  startedMs: number,
  use: (checked: Checked) => T | Mismatch,
) => Promise<PassedWebhook<T> | Refused>;

/** The ladder, with the memory of who failed how often. */
export function createAdmission(deps: AdmissionDeps): Admit {
  const { clock, log, unverified } = deps;
  const bodyDeadlines = new Deadlines(clock, BODY_DEADLINE_MS);
  const throttle = createThrottle(clock, { burst: FAILURE_BURST, refillMs: FAILURE_REFILL_MS });

  /**
   * The parsed body is garbage after `use`, which takes what it needs of it: kept until the event is stored, it would survive
   * collections and cost as much again.
   */
  async function admit<T>(
    request: WebhookRequest,
    hookKey: string | null,
    startedMs: number,
    use: (checked: Checked) => T | Mismatch,
  ): Promise<PassedWebhook<T> | Refused> {
    const rules = deps.rules();
    const receivedAt = clock.now();
    const { headers } = request;
    const limit = rules.maxBodyBytes;
    const announced = contentLengthOf(headers);
    const forwarded = headers["x-forwarded-for"];
    const address = rules.addresses.clientOf(
      request.socketAddress,
      typeof forwarded === "string" ? forwarded : undefined,
    );
    if (!rules.senders.allowed(address)) {
      log.warn("webhook.forbidden", { address });
      await isTooLong(request, announced, limit);
      return FORBIDDEN;
    }
    if (announced !== null && announced > limit) return tooLarge(limit);
    const claimed = rules.senders.claim(headers, hookKey);
    if (claimed.refused !== null) {
      // A chunked body may turn out to be too large, which comes before 401; none of it is kept.
      if (await isTooLong(request, announced, limit)) return tooLarge(limit);
      return { ...unauthorized(address, claimed.refused, hookKey), unread: true };
    }
    const held = claimed.token === "right" ? null : unverified;
    const read = await readBody(request, { maxBytes: limit, unverified: held }, bodyDeadlines);
    if (!read.ok) {
      if (read.reason === "crowded-out") log.warn("webhook.crowded-out", { address, hookKey });
      return UNREAD[read.reason](limit);
    }
    const proof = claimed.judge(read.body.parts, receivedAt);
    if (!proof.ok) {
      read.body.forget();
      return unauthorized(address, proof.reason, hookKey);
    }
    const { instance, verifiedBy, pairSystemHooks } = proof;
    // Only now is it known whose list counts.
    if (!proof.allowed(address)) {
      read.body.forget();
      log.warn("webhook.forbidden", { address, instance: instance ?? DEFAULT_INSTANCE });
      return READ_AND_FORBIDDEN;
    }
    const verifiedMs = Math.round((clock.monotonic() - startedMs) * 1000) / 1000;
    const body = read.body.whole();
    const parsed = deps.parse(body);
    if (parsed === null) return MALFORMED;
    const value = use({
      headers,
      hookKey,
      body,
      parsed,
      verifiedBy,
      instance,
      pairSystemHooks,
      receivedAt,
      verifiedMs,
    });
    return value instanceof Mismatch ? unauthorized(address, value.reason, hookKey) : { ok: true, value };
  }

  /** Lets a short body come in, so that the connection can go on after a refusal; true if it turns out to be too large. */
  async function isTooLong(
    request: WebhookRequest,
    announced: number | null,
    maxBytes: number,
  ): Promise<boolean> {
    const isShort = announced === null || announced <= SHORT_BYTES;
    return isShort && (await isTooLarge(request, { maxBytes, unverified }, clock));
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

  return admit;
}
