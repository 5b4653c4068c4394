/** Certificates and credentials of a NATS connection, read when the target is made. */
import { createSecureContext } from "node:tls";
import { authoritiesProblem } from "../../../lib/certificates.ts";
import { ConfigError, messageOf } from "../../../lib/errors.ts";
import { readTextFile } from "../../../lib/text-file.ts";
import type { NatsTargetSettings } from "./settings.ts";

export interface NatsCredentials {
  /** PEM; null: the system's certificates, and TLS only if the server asks for it or an address says tls://. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string } | null;
  /** Content of a .creds file. */
  readonly creds: Uint8Array | null;
}

/** Throws a ConfigError that names the file. */
export function readCredentials(
  config: Pick<NatsTargetSettings, "tls" | "credsFile" | "servers">,
): NatsCredentials {
  const { tls, credsFile, servers } = config;
  const creds = credsFile === undefined ? null : read("credsFile", credsFile);
  const wantsTls = tls !== undefined || servers.some((server) => server.startsWith("tls:"));
  if (!wantsTls) return { tls: null, creds };
  const entries = [
    ["ca", "caFile"],
    ["cert", "certFile"],
    ["key", "keyFile"],
  ] as const;
  const found = entries.flatMap(([name, setting]) => {
    const path = tls?.[setting];
    return path === undefined ? [] : [[name, read(`tls.${setting}`, path).toString("utf8")] as const];
  });
  const certificates: { ca?: string; cert?: string; key?: string } = Object.fromEntries(found);
  const ofAuthorities = certificates.ca === undefined ? null : authoritiesProblem(certificates.ca);
  if (ofAuthorities !== null) throw new ConfigError([{ path: "tls.caFile", message: ofAuthorities }]);
  try {
    createSecureContext(certificates);
  } catch (error) {
    throw new ConfigError([{ path: "tls", message: `holds no usable certificates: ${messageOf(error)}` }]);
  }
  return { tls: certificates, creds };
}

function read(path: string, file: string): Buffer {
  try {
    return Buffer.from(readTextFile(file), "utf8");
  } catch (error) {
    throw new ConfigError([{ path, message: `cannot be read: ${messageOf(error)}` }]);
  }
}
