/**
 * The connections of a target: kept and used again, to addresses that it may live at, with its certificates, through a proxy
 * where the environment names one.
 */
import { lookup as resolveName } from "node:dns/promises";
import { createSecureContext } from "node:tls";
import { Agent, ProxyAgent, type Dispatcher } from "undici";
import { authoritiesProblem } from "../../../lib/certificates.ts";
import { proxyFor, type ProxyEnv } from "../../../lib/proxy.ts";
import { readTextFile } from "../../../lib/text-file.ts";
import { ConfigError, messageOf } from "../../../lib/errors.ts";
import { addressProblem, createGuardedLookup, literalAddress, type Resolve } from "./addresses.ts";
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
  const ofAuthorities = certificates.ca === undefined ? null : authoritiesProblem(certificates.ca);
  if (ofAuthorities !== null) throw configError("tls.caFile", ofAuthorities);
  try {
    createSecureContext(certificates);
  } catch (error) {
    throw configError("tls", `holds no usable certificates: ${messageOf(error)}`);
  }
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

function readCertificates(tls: ConnectionSettings["tls"]): { ca?: string; cert?: string; key?: string } {
  const read = (name: "caFile" | "certFile" | "keyFile"): string | undefined => {
    const path = tls?.[name];
    if (path === undefined) return undefined;
    try {
      return readTextFile(path);
    } catch (error) {
      throw configError(`tls.${name}`, `cannot be read: ${messageOf(error)}`);
    }
  };
  const entries = Object.entries({ ca: read("caFile"), cert: read("certFile"), key: read("keyFile") });
  return Object.fromEntries(entries.filter(([, text]) => text !== undefined));
}

function configError(path: string, message: string): ConfigError {
  return new ConfigError([{ path, message }]);
}
