/** Whether an address can be reached, and whether its certificate will do: a connection that is made and closed, no request. */
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { ConfigError, messageOf } from "../../lib/errors.ts";
import { proxyFor, type ProxyEnv } from "../../lib/proxy.ts";
import { fail, ok, warn, type Diagnosis } from "./diagnosis.ts";

const TIMEOUT_MS = 5000;
const DAY_MS = 86_400_000;
/** A certificate that ends sooner is told. */
const EXPIRY_DAYS = 14;

export interface Address {
  readonly subject: string;
  readonly url: URL;
  /** PEM of the authority that the settings name; undefined: those that the system knows. */
  readonly ca?: string | undefined;
}

/** Never rejects. @param now wall clock, milliseconds */
export async function reach({ subject, url, ca }: Address, env: ProxyEnv, now: number): Promise<Diagnosis> {
  try {
    const proxy = proxyFor(url, env);
    if (proxy !== null) {
      const { hostname, port } = new URL(proxy.uri);
      await closing(await open(connectTcp({ host: bare(hostname), port: Number(port || 80) }), "connect"));
      return ok(subject, `its proxy ${proxy.shown} can be reached; what is behind it was not looked at`);
    }
    const isSecure = url.protocol === "https:";
    const place = { host: bare(url.hostname), port: Number(url.port || (isSecure ? 443 : 80)) };
    if (!isSecure) {
      await closing(await open(connectTcp(place), "connect"));
      return ok(subject, `${url.host} can be reached`);
    }
    const servername = /^[\d.:]+$/.test(place.host) ? "" : place.host;
    const socket = connectTls({
      ...place,
      servername,
      ...(ca === undefined ? {} : { ca }),
      rejectUnauthorized: false,
    });
    await open(socket, "secureConnect");
    const finding = certificateDiagnosis(subject, socket, now);
    await closing(socket);
    return finding;
  } catch (error) {
    if (error instanceof ConfigError) return fail(subject, error.message, "correct the proxy variable");
    return fail(
      subject,
      `${url.host} cannot be reached: ${networkReason(error)}`,
      "check the address, DNS, firewall and proxy variables (HTTPS_PROXY, NO_PROXY) on this machine",
    );
  }
}

function certificateDiagnosis(subject: string, socket: TLSSocket, now: number): Diagnosis {
  const { valid_to: end } = socket.getPeerCertificate();
  if (!socket.authorized)
    return fail(
      subject,
      `its certificate is refused: ${messageOf(socket.authorizationError)}`,
      "renew it, or name its authority: tls.caFile of the target, or NODE_EXTRA_CA_CERTS for everything else",
    );
  const days = Math.floor((Date.parse(end) - now) / DAY_MS);
  if (days < EXPIRY_DAYS)
    return warn(
      subject,
      `its certificate ends in ${days} days, on ${end}`,
      "renew it, and find out why nothing did",
    );
  return ok(subject, `can be reached; its certificate is good for ${days} days`);
}

function open<T extends Socket>(socket: T, event: string): Promise<T> {
  return new Promise((resolve, reject) => {
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    socket.once("error", reject);
    socket.once(event, () => resolve(socket));
  });
}

function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once("close", () => resolve());
    socket.destroy();
  });
}

/** `[::1]` of a URL -> `::1`. */
function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "");
}

function networkReason(error: unknown): string {
  return messageOf(error instanceof AggregateError ? error.errors[0] : error);
}
