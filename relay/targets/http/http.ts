/** The target that is an HTTP server: one POST per attempt. What an answer means is decided in delivery/outcome.ts. */
import type { Clock } from "../../../lib/clock.ts";
import { decodeSigningToken } from "../../../lib/signature.ts";
import { resultOfAnswer, resultOfFailure } from "../../delivery/outcome.ts";
import type { AttemptResult, Target } from "../../delivery/port.ts";
import { createConnections, type ConnectionDeps } from "../connection/connection.ts";
import { excerptOf, exchange, ExchangeError } from "../connection/exchange.ts";
import { envelope } from "./cloud-event.ts";
import { headersOf, signatureHeaders } from "./headers.ts";
import type { HttpTargetSettings } from "./settings.ts";

export interface HttpTargetDeps extends ConnectionDeps {
  readonly clock: Clock;
}

/** Throws a ConfigError where its address or certificates cannot be used. */
export function createHttpTarget(config: HttpTargetSettings, deps: HttpTargetDeps): Target {
  const { clock } = deps;
  const url = new URL(config.url);
  const { origin } = url;
  const path = `${url.pathname}${url.search}`;
  const keys = config.signingTokens.map(decodeSigningToken).filter((key) => key !== null);
  const configured = configuredHeaders(config, url);
  const connections = createConnections(config, deps);
  return {
    async send(sending): Promise<AttemptResult> {
      const { body, headers: format } = envelope(config, sending);
      const headers = {
        ...headersOf(sending, format, configured),
        ...signatureHeaders(keys, sending.meta.id, clock.now(), body),
      };
      try {
        const request = { origin, path, method: "POST", headers, body } as const;
        const answer = await exchange(connections, request, sending.signal);
        return resultOfAnswer(answer.status, answer, excerptOf(answer.body), clock.now());
      } catch (error) {
        if (error instanceof ExchangeError) return resultOfFailure(error.message);
        throw error;
      }
    },
    close: () => connections.destroy(),
  };
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
