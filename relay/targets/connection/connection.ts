/**
 * The connections of a target: kept and used again, to addresses that it may live at, with its certificates, through a proxy
 * where the environment names one.
 */
import { lookup as resolveName } from "node:dns/promises";
import { Agent, ProxyAgent, type Dispatcher } from "undici";
import { proxyFor, type ProxyEnv } from "../../../lib/proxy.ts";
import { ConfigError, messageOf } from "../../../lib/errors.ts";
import { addressProblem, createGuardedLookup, literalAddress, type Resolve } from "./addresses.ts";
import { readCertificates } from "./certificates.ts";
import type { ConnectionSettings } from "./settings.ts";

export interface ConnectionDeps {
  /** @default the system's resolver */
  readonly resolve?: Resolve;
  /** Where the proxy variables are. @default no proxy */
  readonly env?: ProxyEnv;
}

/**
 * The connections of a target. Throws a ConfigError if a certificate cannot be read or the address may not be used.
 * Through a proxy names are resolved by the proxy: what they resolve to is its business.
 */
export function createConnections(config: ConnectionSettings, deps: ConnectionDeps): Dispatcher {
  const url = new URL(config.url);
  const literal = literalAddress(url.hostname);
  const rules = { allowPrivate: config.allowPrivateNetworks };
  const problem = literal === null ? null : addressProblem(literal, rules);
  if (problem !== null) throw configError("url", `address ${literal} ${problem}`);
  const certificates = readCertificates(config.tls);
  const limits = {
    connections: config.concurrency,
    // The worker holds the time: one limit for the whole attempt.
    headersTimeout: 0,
    bodyTimeout: 0,
  };
  const connect = { timeout: config.timeoutSeconds * 1000 };
  const proxy = proxyFor(url, deps.env ?? {});
  if (proxy !== null) {
    try {
      return new ProxyAgent({
        ...limits,
        uri: proxy.uri,
        ...(proxy.authorization === null ? {} : { token: proxy.authorization }),
        proxyTunnel: url.protocol === "https:",
        proxyTls: connect,
        requestTls: { ...connect, ...certificates },
      });
    } catch (error) {
      throw configError("url", `cannot be reached through the proxy of the environment: ${messageOf(error)}`);
    }
  }
  const lookup = createGuardedLookup(deps.resolve ?? resolveName, rules);
  return new Agent({ ...limits, connect: { ...connect, ...certificates, lookup } });
}

function configError(path: string, message: string): ConfigError {
  return new ConfigError([{ path, message }]);
}
