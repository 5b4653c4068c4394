/** The target that is an HTTP server: one POST per attempt. What an answer means is decided in delivery/outcome.ts. */
import { messageOf } from "../../../lib/errors.ts";
import { shownUrl } from "../../../lib/log.ts";
import type { Clock } from "../../../lib/clock.ts";
import { decodeSigningToken } from "../../../lib/signature.ts";
import { resultOfAnswer, resultOfFailure } from "../../delivery/outcome.ts";
import type { AttemptResult, Sending, Target } from "../../delivery/port.ts";
import { createConnections, type ConnectionDeps } from "../connection/connection.ts";
import { excerptOf, exchange, ExchangeError } from "../connection/exchange.ts";
import type { TargetDeps } from "../target-type.ts";
import { createEnveloper, type Envelope } from "./envelope.ts";
import { customHeaders, headersOf, signatureHeaders, withoutSignature } from "./headers.ts";
import type { HttpTargetSettings } from "./settings.ts";

export interface HttpTargetDeps extends ConnectionDeps, Pick<TargetDeps, "traceparent"> {
  readonly clock: Clock;
}

/** Throws a ConfigError if its address or certificates cannot be used. */
export function createHttpTarget(config: HttpTargetSettings, deps: HttpTargetDeps): Target {
  const { clock } = deps;
  const { origin, pathname, search } = new URL(config.url);
  const path = `${pathname}${search}`;
  const envelopeOf = createRequests(config);
  const shown = shownAddress(config);
  const hidden = settingsHeaders(config);
  const connections = createConnections(config, deps);
  return {
    async send(sending): Promise<AttemptResult> {
      let envelope: SentEnvelope;
      try {
        envelope = envelopeOf(sending, clock.now());
      } catch (error) {
        return { ...resultOfFailure(messageOf(error)), verdict: "dead" };
      }
      const { body, headers } = envelope;
      try {
        const traceparent = deps.traceparent?.(sending) ?? null;
        if (traceparent !== null) headers["traceparent"] = traceparent;
        const request = { origin, path, method: "POST", headers, body } as const;
        sending.wire?.sent({ method: "POST", url: shown, headers, hidden });
        const answer = await exchange(connections, request, sending.signal);
        sending.wire?.answered(answer.headers);
        return resultOfAnswer(answer.status, answer, excerptOf(answer.body), clock.now());
      } catch (error) {
        if (error instanceof ExchangeError) return resultOfFailure(error.message);
        throw error;
      }
    },
    close: () => connections.destroy(),
  };
}

/** What goes out, with all headers; the object is its receiver's. */
export interface SentEnvelope extends Envelope {
  readonly headers: Record<string, string>;
}

/** What is sent for an event: body and all headers. Throws an Error that names the place if the event lacks what a template asks for. */
export type RequestOf = (sending: Pick<Sending, "meta" | "body" | "attempt">, nowMs: number) => SentEnvelope;

export function createRequests(config: HttpTargetSettings): RequestOf {
  const keys = config.signingTokens.map(decodeSigningToken).filter((key) => key !== null);
  const configured = configuredHeaders(config, new URL(config.url));
  const enveloped = createEnveloper(config);
  const passed = new Set(config.passHeaders.map((name) => name.toLowerCase()));
  return function requestOf(sending, nowMs) {
    const { body, headers: format } = enveloped(sending);
    const { attempt } = sending;
    const meta = body === sending.body ? sending.meta : withoutSignature(sending.meta);
    const brought = passed.size === 0 ? format : { ...customHeaders(meta, passed), ...format };
    const headers = headersOf({ meta, attempt }, brought, configured);
    if (keys.length > 0) Object.assign(headers, signatureHeaders(keys, meta.id, nowMs, body));
    return { body, headers };
  };
}

/** The path of a chat's webhook is its password. */
const SECRET_PATHS: ReadonlySet<string> = new Set(["slack", "mattermost", "teams", "discord"]);

/** The address as it may be shown. */
export function shownAddress({ url, format }: Pick<HttpTargetSettings, "url" | "format">): string {
  return SECRET_PATHS.has(format) ? `${new URL(url).origin}/…` : shownUrl(url);
}

/** Headers that say how to talk; their values are no secrets. */
const PLAIN: ReadonlySet<string> = new Set(["accept", "accept-language", "content-type", "user-agent"]);

/** Names of the headers whose values come from the settings, or from a hook's own, and may be secrets, in lower case. */
export function settingsHeaders({
  headers,
  passHeaders,
}: Pick<HttpTargetSettings, "headers" | "passHeaders">): ReadonlySet<string> {
  const names = [...Object.keys(headers), ...passHeaders].map((name) => name.toLowerCase());
  return new Set(["authorization", ...names.filter((name) => !PLAIN.has(name))]);
}

/** Names in lower case; user info of the URL becomes basic authentication unless a header says otherwise. */
function configuredHeaders(config: HttpTargetSettings, url: URL): Record<string, string> {
  const entries = Object.entries(config.headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  const headers = Object.fromEntries(entries);
  if ((url.username !== "" || url.password !== "") && headers["authorization"] === undefined) {
    const userInfo = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers["authorization"] = `Basic ${Buffer.from(userInfo).toString("base64")}`;
  }
  return headers;
}
