/**
 * The target that is an HTTP server: one POST per attempt over kept connections.
 *
 * What the other side does costs it one slot and at most the time-out. Once its status line and headers are there the outcome
 * is decided; of the body only an excerpt is kept, the rest is thrown away, and an answer that goes on for too long loses its
 * connection.
 */
import { lookup as resolveName } from "node:dns/promises";
import { Agent, type Dispatcher } from "undici";
import type { Clock } from "../../lib/clock.ts";
import { messageOf, systemCode } from "../../lib/errors.ts";
import { shownUrl } from "../../lib/log.ts";
import { decodeSigningToken } from "../../lib/signature.ts";
import type { HttpTargetConfig } from "../config.ts";
import { EXCERPT_LENGTH, resultOfAnswer, resultOfFailure, type Result } from "../delivery/outcome.ts";
import {
  addressProblem,
  BlockedAddressError,
  createGuardedLookup,
  literalAddress,
  type Resolve,
} from "./addresses.ts";
import { envelope } from "./cloud-event.ts";
import { headersOf, signatureHeaders } from "./headers.ts";
import type { Target } from "./target.ts";

/** Bytes of an answer that are read to keep its connection; a longer one is cut off. */
const MAX_ANSWER_BYTES = 262_144;
/** Bytes that EXCERPT_LENGTH characters take at most. */
const EXCERPT_BYTES = EXCERPT_LENGTH * 4;
const LONGEST_ERROR = 300;

export interface HttpTargetDeps {
  readonly clock: Clock;
  /** @default the system's resolver */
  readonly resolve?: Resolve;
}

export function createHttpTarget(config: HttpTargetConfig, deps: HttpTargetDeps): Target {
  const url = new URL(config.url);
  const origin = url.origin;
  const path = `${url.pathname}${url.search}`;
  const keys = config.signingTokens.map(decodeSigningToken).filter((key): key is Uint8Array => key !== null);
  const configured = configuredHeaders(config, url);
  const timeoutMs = config.timeoutSeconds * 1000;
  const agent = new Agent({
    connections: config.concurrency,
    connect: {
      timeout: timeoutMs,
      lookup: createGuardedLookup(deps.resolve ?? resolveName, config.allowPrivateNetworks),
    },
    // The worker holds the time: one limit for the whole attempt.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const literal = literalAddress(url.hostname);
  const problem = literal === null ? null : addressProblem(literal, config.allowPrivateNetworks);
  const blocked = problem === null ? null : resultOfFailure(`address ${literal} ${problem}`);

  return {
    send(sending) {
      if (blocked !== null) return Promise.resolve(blocked);
      const { body, headers: format } = envelope(config, sending);
      const headers = {
        ...headersOf(sending, format, configured),
        ...signatureHeaders(keys, sending.meta.id, deps.clock.now(), body),
      };
      return post(agent, { origin, path, method: "POST", headers, body }, sending.signal, deps.clock);
    },
    close: () => agent.destroy(),
  };
}

/** Names in lower case; user info of the URL becomes basic authentication unless a header says otherwise. */
function configuredHeaders(config: HttpTargetConfig, url: URL): Record<string, string> {
  const entries = Object.entries(config.headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  const headers = Object.fromEntries(entries);
  if ((url.username !== "" || url.password !== "") && headers["authorization"] === undefined) {
    const userInfo = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers["authorization"] = `Basic ${Buffer.from(userInfo).toString("base64")}`;
  }
  return headers;
}

interface Post extends Dispatcher.DispatchOptions {
  readonly headers: Record<string, string>;
}

/** One request; resolves with whatever the other side did, rejects with the signal's reason where it aborts before the headers. */
function post(agent: Agent, options: Post, signal: AbortSignal, clock: Clock): Promise<Result> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | null = null;
    let answer: { status: number; retryAfter: string | null; location: string | null } | null = null;
    const chunks: Buffer[] = [];
    let excerptBytes = 0;
    let answerBytes = 0;
    let ended = false;

    const finish = (): boolean => {
      if (ended) return false;
      ended = true;
      signal.removeEventListener("abort", onAbort);
      return true;
    };
    const finishWithAnswer = (): void => {
      if (answer === null || !finish()) return;
      resolve(resultOfAnswer(answer.status, answer, excerptOf(chunks), clock.now()));
    };
    const onAbort = (): void => {
      const open = controller;
      if (answer !== null) finishWithAnswer();
      else if (finish()) reject(signal.reason as Error);
      open?.abort(signal.reason as Error);
    };
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    signal.addEventListener("abort", onAbort, { once: true });

    agent.dispatch(options, {
      onRequestStart(started) {
        controller = started;
        if (ended) started.abort(signal.reason as Error);
      },
      onResponseStart(_controller, status, headers) {
        if (status < 200) return;
        const location = one(headers["location"]);
        answer = {
          status,
          retryAfter: one(headers["retry-after"]),
          location: location === null ? null : shownLocation(location, options),
        };
      },
      onResponseData(open, chunk) {
        answerBytes += chunk.length;
        if (excerptBytes < EXCERPT_BYTES) {
          // A copy: the chunk is a view of a buffer that would stay in memory for its sake.
          const part = Buffer.from(chunk.subarray(0, EXCERPT_BYTES - excerptBytes));
          chunks.push(part);
          excerptBytes += part.length;
        }
        if (answerBytes > MAX_ANSWER_BYTES) {
          finishWithAnswer();
          open.abort(new Error("the answer is too long"));
        }
      },
      onResponseEnd: finishWithAnswer,
      onResponseError(_controller, error) {
        if (answer !== null) finishWithAnswer();
        else if (finish()) resolve(resultOfFailure(describeFailure(error)));
      },
    });
  });
}

function one(header: string | string[] | undefined): string | null {
  return (Array.isArray(header) ? header[0] : header) ?? null;
}

function shownLocation(location: string, options: Post): string {
  return URL.canParse(location, String(options.origin))
    ? shownUrl(new URL(location, String(options.origin)).href)
    : "an address that is none";
}

function excerptOf(chunks: readonly Buffer[]): string | null {
  if (chunks.length === 0) return null;
  return Buffer.concat(chunks).toString("utf8").slice(0, EXCERPT_LENGTH);
}

/** What went wrong on the network: the system's or library's word for it and its message, which names address and port at most. */
function describeFailure(error: Error): string {
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const code = systemCode(inner) ?? systemCode(error);
  const text = messageOf(inner) || messageOf(error);
  const full =
    code === null || text.includes(code) || error instanceof BlockedAddressError ? text : `${text} (${code})`;
  return (full || "the connection failed").slice(0, LONGEST_ERROR);
}
