/**
 * Whether an earlier attempt has started the pipeline of an event: looked for among the latest pipelines that triggers started, by the
 * variable that holds the event's id. GitLab has no idempotency key for triggers.
 */
import type { Dispatcher } from "undici";
import type { Clock } from "../../../lib/clock.ts";
import { UpstreamError } from "../../../lib/errors.ts";
import { createImpatientGate } from "../../../lib/gitlab/impatient-gate.ts";
import { createRest, type Rest } from "../../../lib/gitlab/rest.ts";
import { createSender } from "../../../lib/gitlab/sender.ts";
import type { Transport } from "../../../lib/gitlab/transport.ts";
import { createSecrets } from "../../../lib/log.ts";
import type { Cancellation } from "../../../lib/cancellation.ts";
import { exchange } from "../connection/exchange.ts";
import { USER_AGENT } from "../http/headers.ts";

/** Variable by which a pipeline knows its event. */
export const EVENT_ID_VARIABLE = "RELAY_EVENT_ID";
/** Pipelines that are looked through before a repetition. */
const LOOKED_THROUGH = 20;
const MAX_LIST_BYTES = 1_048_576;

export interface StartedLookup {
  /** Address of the GitLab. */
  readonly url: string;
  readonly apiToken: string;
  /** The target's own, to addresses that it may live at. */
  readonly connections: Dispatcher;
  readonly clock: Clock;
}

export interface Wanted {
  /** Id or path. */
  readonly project: string;
  readonly eventId: string;
  /** Wall clock, milliseconds: older pipelines cannot be the event's. */
  readonly since: number;
}

/** The address of the event's pipeline; null if none is found or GitLab does not let us look. */
export type FindStarted = (wanted: Wanted, signal: Cancellation) => Promise<string | null>;

/** What it returns rejects with the signal's reason once that aborts, with an UpstreamError if GitLab fails or limits. */
export function createStartedLookup({ url, apiToken, connections, clock }: StartedLookup): FindStarted {
  const budget = createImpatientGate([apiToken], clock);
  const secrets = createSecrets();
  secrets.add([apiToken]);
  const transport = transportOver(connections);
  const deps = { transport, clock, random: () => 0, budget, mask: secrets.mask, attempts: 1 };
  const headers = { "user-agent": USER_AGENT };
  return async function findStarted(wanted, signal) {
    const ended = new AbortController();
    const end = (): void => ended.abort(signal.reason);
    signal.addEventListener("abort", end, { once: true });
    const send = createSender({ ...deps, addressName: "url", signal: ended.signal });
    try {
      return await look(createRest({ url, send, headers }), wanted);
    } catch (error) {
      if (error instanceof UpstreamError && !error.retryable) return null;
      throw error;
    } finally {
      signal.removeEventListener("abort", end);
    }
  };
}

async function look(rest: Rest, { project, eventId, since }: Wanted): Promise<string | null> {
  const place = `/projects/${encodeURIComponent(project)}`;
  const query = {
    source: "trigger",
    updated_after: new Date(since).toISOString(),
    order_by: "id",
    sort: "desc",
  };
  const latest = await rest.page(`${place}/pipelines`, query, { page: 1, perPage: LOOKED_THROUGH });
  for (const { id, web_url: address } of latest.items as readonly { id: number; web_url: string }[]) {
    const { body } = await rest.get(`${place}/pipelines/${id}/variables`);
    const variables = (Array.isArray(body) ? body : []) as readonly { key: string; value: string }[];
    if (variables.some(({ key, value }) => key === EVENT_ID_VARIABLE && value === eventId)) return address;
  }
  return null;
}

/** GitLab's client on the connections of the target, which know where it may live and which certificates it trusts. */
function transportOver(connections: Dispatcher): Transport {
  return async function travel(url, sent) {
    const request = {
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: "GET" as const,
      headers: { ...sent.headers },
      body: null,
      keepBytes: MAX_LIST_BYTES,
    };
    const answer = await exchange(connections, request, sent.signal);
    const named = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
    const headers = Object.fromEntries(named) as Record<string, string>;
    return { status: answer.status, headers, text: answer.body.toString("utf8") };
  };
}
