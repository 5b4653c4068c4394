/**
 * The answer to a webhook: a ladder of refusals in a fixed order, first match wins, then the storage.
 * What needs no storage stands in admit.ts.
 *
 *   403 forbidden      the sender's address is not on the allow-list
 *   413 too_large      the body is above the limit: by Content-Length, else while it is read (without a credential: measured for
 *                      a second, and not kept)
 *   401 unauthorized   no valid secret token or signature, of any GitLab (429 too_many_failures once a sender keeps failing)
 *   403 forbidden      the address is not on the list of the GitLab whose credential it is: only now is that known
 *   400 malformed      not a JSON object
 *   401 unauthorized   under a hook's path: the event is not the hook's (hook-binding.ts)
 *   202, 200           on stable storage; or was already
 *   503 unavailable    cannot be stored now, with Retry-After
 *
 * 404 and 405 come before it, in relay/process/app.ts. A body that stops half-way or takes longer than a minute (408 timeout) has no
 * place on the ladder.
 */
import type { Clock } from "../../lib/clock.ts";
import { Deadlines } from "../../lib/deadlines.ts";
import { UpstreamError } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import type { ActivityFacts } from "../event/activity-facts.ts";
import type { NewEvent } from "../event/event.ts";
import { incomingTraceId, type TraceIdOf } from "../event/trace.ts";
import type { RequestStatus } from "../observe/metrics.ts";
import type { Enqueued, Queue } from "../queue/queue.ts";
import { createAdmission, Mismatch, type Checked } from "./admit.ts";
import { json, MALFORMED, refusal, type Reply, type Refused } from "./answer.ts";
import { newEvent } from "./event.ts";
import { hookMismatch } from "./hook-binding.ts";
import { idsOf, MAX_KNOWN_IDS } from "./known.ts";
import { Pairs } from "./pairs.ts";
import { parseFacts, parsePayload } from "./payload.ts";
import { StoredPairs } from "./stored-pairs.ts";
import type { WebhookRequest } from "./request.ts";
import type { Lingering } from "./respond.ts";
import type { IngestRules } from "./rules.ts";
import { UnverifiedBodies } from "./unverified.ts";

/** Milliseconds that storing may take; GitLab waits 10 seconds. The event may still be stored later: its repetition is a duplicate. */
export const PERSIST_DEADLINE_MS = 5000;
/** Seconds after which the sender may try again, if the storage does not say better. */
const RETRY_AFTER_SECONDS = 10;

/** Who keeps what the events say about the work. */
export interface ActivityReader {
  /** Null: the event says nothing. Never throws. */
  read(meta: NewEvent["meta"], parsed: unknown): ActivityFacts | null;
  /** A new event is stored under this id. */
  note(facts: ActivityFacts, eventId: string): void;
}

export interface IngestDeps {
  readonly queue: Pick<Queue, "enqueue" | "known" | "onEvent" | "find" | "list" | "isShared">;
  readonly clock: Clock;
  readonly log: Log;
  /** The rules in force; read once per request. */
  readonly rules: () => IngestRules;
  /** Reads each body while it is parsed anyway, and is told once its event is stored. @default none */
  readonly activity?: ActivityReader;
  /** Frees buffers that are garbage: after megabytes that strangers sent. @default the engine does when it likes */
  readonly collect?: () => void;
  /** @default the id of the trace that the event came with */
  readonly traceIdOf?: TraceIdOf;
  /** True once the relay is shutting down: what comes after that is answered with 503. */
  readonly isStopping: () => boolean;
  readonly metrics: {
    request(status: RequestStatus, kind: string | null, durationMs: number, instance?: string): void;
  };
}

export interface Ingest {
  /** Answers a webhook. Rejects only on a bug. */
  receive(request: WebhookRequest, hookKey: string | null): Promise<Reply>;
  /** Answers which delivery ids are stored; the same ladder, another body. */
  known(request: WebhookRequest, hookKey: string | null): Promise<Reply>;
  /** For answers to senders that are still sending. */
  readonly lingering: Lingering;
}

interface ReadEvent {
  readonly event: NewEvent;
  readonly facts: ActivityFacts | null;
}

export function createIngest(deps: IngestDeps): Ingest {
  const { queue, clock, log, metrics, traceIdOf = incomingTraceId } = deps;
  const unverified = new UnverifiedBodies(() => deps.rules().maxUnverifiedBytes, deps.collect);
  const storageDeadlines = new Deadlines(clock, PERSIST_DEADLINE_MS);
  const pairs = queue.isShared ? new StoredPairs(queue, clock) : new Pairs(queue, clock);
  const parse = deps.activity === undefined ? parseFacts : parsePayload;
  const admit = createAdmission({ clock, log, rules: deps.rules, unverified, parse });

  function unavailable(error: unknown): Refused {
    if (!(error instanceof UpstreamError)) throw error;
    log.error("webhook.unavailable", { code: error.code, error: error.message });
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

  /** Rejects with an UpstreamError at the deadline. The task goes on; what becomes of it is not waited for. */
  function withinDeadline<T>(task: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const deadline = storageDeadlines.set(() =>
        reject(
          new UpstreamError("timeout", `the storage took longer than ${PERSIST_DEADLINE_MS} ms`, {
            retryable: true,
          }),
        ),
      );
      task.then(
        (value) => {
          deadline.cancel();
          resolve(value);
        },
        (error: unknown) => {
          deadline.cancel();
          reject(error);
        },
      );
    });
  }

  const toEvent = (checked: Checked): ReadEvent | Mismatch => {
    const event = newEvent(checked, deps.rules().customHeaders);
    const { hookKey, parsed } = checked;
    const mismatch = hookKey === null ? null : hookMismatch(hookKey, event.meta, parsed);
    if (mismatch !== null) return new Mismatch(mismatch);
    return { event, facts: deps.activity?.read(event.meta, parsed) ?? null };
  };

  /** The facts count once the event is stored, even if that takes longer than the sender is made to wait. */
  function enqueue({ event, facts }: ReadEvent): Promise<Enqueued> {
    const storing = pairs.enqueue(event);
    if (facts === null) return storing;
    return storing.then((stored) => {
      if (stored.status === "accepted") deps.activity?.note(facts, stored.id);
      return stored;
    });
  }

  return {
    lingering: { unverified, clock },

    async receive(request, hookKey) {
      const startedMs = clock.monotonic();
      const isStopping = deps.isStopping();
      const admitted = await admit(request, hookKey, startedMs, toEvent);
      if (!admitted.ok) {
        metrics.request(admitted.counted, null, clock.monotonic() - startedMs);
        return refusal(request, admitted);
      }
      const { event } = admitted.value;
      const { kind, instanceName } = event.meta;
      let stored: Enqueued;
      try {
        if (isStopping)
          throw new UpstreamError("stopping", "the relay is shutting down", { retryable: true });
        stored = await withinDeadline(enqueue(admitted.value));
      } catch (error) {
        const refused = unavailable(error);
        metrics.request(refused.counted, kind, clock.monotonic() - startedMs, instanceName);
        return refusal(request, refused);
      }
      metrics.request(stored.status, kind, clock.monotonic() - startedMs, instanceName);
      log.info(stored.status === "accepted" ? "webhook.accepted" : "webhook.duplicate", {
        eventId: stored.id,
        kind,
        project: event.meta.projectPath,
        instance: instanceName,
        traceId: traceIdOf({ id: stored.id, headers: event.meta.headers }),
      });
      return json(stored.status === "accepted" ? 202 : 200, stored);
    },

    async known(request, hookKey) {
      const admitted = await admit(request, hookKey, clock.monotonic(), idsOf);
      if (!admitted.ok) return refusal(request, admitted);
      const asked = admitted.value;
      if (asked === null) {
        const message = `"ids" must be a list of at most ${MAX_KNOWN_IDS} delivery ids`;
        return refusal(request, { ...MALFORMED, message });
      }
      try {
        const keys = asked.map(({ keys: ofId }) => ofId);
        const known = new Set(await withinDeadline(queue.known(keys.flat())));
        const stored = asked.filter(({ keys: ofId }) => ofId.some((key) => known.has(key)));
        return json(200, { known: stored.map(({ id }) => id) });
      } catch (error) {
        return refusal(request, unavailable(error));
      }
    },
  };
}
