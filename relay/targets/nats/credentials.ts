/** Certificates and credentials of a NATS connection, read when the target is made. */
import { readCertificates, readSettingsFile, type Certificates } from "../connection/certificates.ts";
import type { NatsTargetSettings } from "./settings.ts";

export interface NatsCredentials {
  /** Null: the system's certificates, and TLS only if the server asks for it or an address says tls://. */
  readonly tls: Certificates | null;
  /** Content of a .creds file. */
  readonly creds: Uint8Array | null;
}

/** Throws a ConfigError that names the file. */
export function readCredentials({
  tls,
  credsFile,
  servers,
}: Pick<NatsTargetSettings, "tls" | "credsFile" | "servers">): NatsCredentials {
  const creds =
    credsFile === undefined ? null : Buffer.from(readSettingsFile("credsFile", credsFile), "utf8");
  const wantsTls = tls !== undefined || servers.some((server) => server.startsWith("tls:"));
  return { tls: wantsTls ? readCertificates(tls) : null, creds };
}
