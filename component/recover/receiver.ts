/**
 * The receiver of a hook, called by the job itself: which deliveries it already has, and a delivery once more, as GitLab would
 * have made it. The bodies come from GitLab's log; the secret is the hook's own, or a fresh signature.
 */
import { jsonOrNull } from "../../lib/json.ts";
import type { Clock } from "../../lib/clock.ts";
import { deriveSecretToken, deriveSigningToken, isHookKey } from "../../lib/secrets.ts";
import { decodeSigningToken, sign } from "../../lib/signature.ts";
import type { HookSecrets } from "../options/config.ts";
import { serverTime } from "../../lib/gitlab/tokens.ts";
import { retryAfterMs } from "../../lib/retry.ts";
import type { Transport } from "../../lib/gitlab/transport.ts";
import type { Missed } from "./finding.ts";

/** Ids that the relay takes in one question. */
const MOST_IDS = 500;
const TIMEOUT_MS = 15_000;
/** GitLab's own headers; everything else of a logged request is either made anew or was redacted. */
const REPEATED = /^(x-gitlab-(?!token$).+|idempotency-key|webhook-id|user-agent)$/;
const REDACTED = "[REDACTED]";

export interface ReceiverDeps {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly secrets: HookSecrets;
  /** Headers that the hooks were installed with. */
  readonly customHeaders: Readonly<Record<string, string>>;
  /** Address of the instance: deliveries that do not name theirs come from it. */
  readonly gitlabUrl: string;
}

export type Known =
  /** Our relay: it has these. */
  | { readonly state: "answered"; readonly ids: ReadonlySet<string> }
  /** Something else, or it would not say. */
  | { readonly state: "silent" }
  | { readonly state: "unreachable"; readonly reason: string };

export type Replayed =
  /** The relay has it. */
  | { readonly state: "stored" | "duplicate" }
  /** A 2xx that is not the relay's: something in front of it, or another program at this address. */
  | { readonly state: "foreign"; readonly status: number }
  | { readonly state: "refused"; readonly status: number; readonly retryAfterMs: number | null }
  | { readonly state: "unreachable"; readonly reason: string };

export interface Receiver {
  /** Which of these ids the receiver has; asks in questions of 500. Never throws. */
  known(url: string, ids: readonly string[]): Promise<Known>;
  /** Posts the logged body. Never throws; redirects are refusals. */
  replay(url: string, delivery: Missed): Promise<Replayed>;
  /** Requests that were sent. */
  readonly requests: number;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly retryAfterMs: number | null;
}

export function createReceiver(deps: ReceiverDeps): Receiver {
  const { clock } = deps;
  const ownInstance = new URL(deps.gitlabUrl).origin;
  let requests = 0;

  /** What proves to the receiver that this hook sent it. */
  function credentials(url: string, instance: string, id: string, body: string): Record<string, string> {
    const { token, signingToken } = secretsOf(deps.secrets, url, instance);
    const key = signingToken === null ? null : decodeSigningToken(signingToken);
    const seconds = Math.floor(clock.now() / 1000);
    return {
      ...(token === null ? {} : { "x-gitlab-token": token }),
      ...(key === null
        ? {}
        : {
            "webhook-id": id,
            "webhook-timestamp": String(seconds),
            "webhook-signature": sign([key], id, seconds, Buffer.from(body)),
          }),
    };
  }

  async function post(url: string, headers: Record<string, string>, body: string): Promise<Answer> {
    const timeout = new AbortController();
    const timer = clock.after(TIMEOUT_MS, () => timeout.abort(new Error("time-out")));
    requests++;
    try {
      const answer = await deps.transport(new URL(url), {
        method: "POST",
        signal: timeout.signal,
        headers: { ...deps.customHeaders, "content-type": "application/json", ...headers },
        body,
      });
      return {
        status: answer.status,
        body: jsonOrNull(answer.text),
        retryAfterMs: retryAfterMs(answer.headers["retry-after"], serverTime(answer.headers, clock.now())),
      };
    } finally {
      timer.cancel();
    }
  }

  return {
    async known(url, ids) {
      const found = new Set<string>();
      if (ids.length === 0) return { state: "silent" };
      for (let at = 0; at < ids.length; at += MOST_IDS) {
        const body = JSON.stringify({ ids: ids.slice(at, at + MOST_IDS) });
        let answer: Answer;
        try {
          const headers = { "x-gitlab-instance": ownInstance };
          const proof = credentials(url, ownInstance, `known-${String(clock.now())}`, body);
          answer = await post(knownUrl(url), { ...headers, ...proof }, body);
        } catch (error) {
          return { state: "unreachable", reason: reasonOf(error, url) };
        }
        const { known } = (answer.body ?? {}) as { known?: unknown };
        if (answer.status !== 200 || !Array.isArray(known)) return { state: "silent" };
        for (const id of known) found.add(String(id));
      }
      return { state: "answered", ids: found };
    },
    async replay(url, delivery) {
      const body = typeof delivery.body === "string" ? delivery.body : JSON.stringify(delivery.body);
      const instance = delivery.headers["x-gitlab-instance"] ?? ownInstance;
      const repeated = Object.entries(delivery.headers).filter(
        ([name, value]) => REPEATED.test(name) && value !== REDACTED,
      );
      try {
        const answer = await post(
          url,
          {
            ...Object.fromEntries(repeated),
            "x-gitlab-instance": instance,
            "x-relay-recovered": "replay",
            ...credentials(url, instance, delivery.id ?? delivery.digest, body),
          },
          body,
        );
        if (answer.status < 200 || answer.status > 299)
          return { state: "refused", status: answer.status, retryAfterMs: answer.retryAfterMs };
        return confirmationIn(answer.body) ?? { state: "foreign", status: answer.status };
      } catch (error) {
        return { state: "unreachable", reason: reasonOf(error, url) };
      }
    },
    get requests() {
      return requests;
    },
  };
}

/** What the relay says of an event that it has: `{"status": "accepted" | "duplicate", "id": "..."}`; null: this is not its word. */
function confirmationIn(body: unknown): Replayed | null {
  if (typeof body !== "object" || body === null) return null;
  const { status, id } = body as { readonly status?: unknown; readonly id?: unknown };
  if (typeof id !== "string" || id === "") return null;
  if (status === "duplicate") return { state: "duplicate" };
  return status === "accepted" ? { state: "stored" } : null;
}

/** The address that answers which deliveries are stored. */
function knownUrl(url: string): string {
  const parsedUrl = new URL(url);
  parsedUrl.pathname = `${parsedUrl.pathname.replace(/\/+$/, "")}/known`;
  return parsedUrl.href;
}

/** The hook's own secrets where its address ends in its key and a master secret is set, the shared ones otherwise. */
function secretsOf(
  { masterSecret, secretToken, signingToken }: HookSecrets,
  url: string,
  instance: string,
): { readonly token: string | null; readonly signingToken: string | null } {
  const hookKey = new URL(url).pathname.split("/").at(-1) ?? "";
  if (masterSecret === null || !isHookKey(hookKey)) return { token: secretToken, signingToken };
  const host = URL.canParse(instance) ? new URL(instance).host : instance;
  return {
    token: deriveSecretToken(masterSecret, host, hookKey),
    signingToken: deriveSigningToken(masterSecret, host, hookKey),
  };
}

/** The host and the kind of failure: neither the request nor its headers. */
function reasonOf(error: unknown, url: string): string {
  const { host } = new URL(url);
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = (cause as NodeJS.ErrnoException | null)?.code;
  const what =
    code ??
    (error instanceof Error && /abort|time-out/i.test(`${error.name} ${error.message}`)
      ? "time-out"
      : "connection failed");
  return `${host} does not answer this job (${what})`;
}
