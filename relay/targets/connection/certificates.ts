/** The certificates of a target's connections, read from the files of `tls` when the target is made. */
import { createSecureContext } from "node:tls";
import { authoritiesProblem } from "../../../lib/certificates.ts";
import { ConfigError, messageOf } from "../../../lib/errors.ts";
import { readTextFile } from "../../../lib/text-file.ts";
import type { ConnectionSettings } from "./settings.ts";

/** PEM; what is not set is not there. */
export interface Certificates {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Throws a ConfigError that names the file that cannot be read or used. */
export function readCertificates(tls: ConnectionSettings["tls"]): Certificates {
  const read = (name: "caFile" | "certFile" | "keyFile"): string | undefined => {
    const path = tls?.[name];
    return path === undefined ? undefined : readSettingsFile(`tls.${name}`, path);
  };
  const entries = Object.entries({ ca: read("caFile"), cert: read("certFile"), key: read("keyFile") });
  const certificates: Certificates = Object.fromEntries(entries.filter(([, text]) => text !== undefined));
  const ofAuthorities = certificates.ca === undefined ? null : authoritiesProblem(certificates.ca);
  if (ofAuthorities !== null) throw new ConfigError([{ path: "tls.caFile", message: ofAuthorities }]);
  try {
    createSecureContext(certificates);
  } catch (error) {
    throw new ConfigError([{ path: "tls", message: `holds no usable certificates: ${messageOf(error)}` }]);
  }
  return certificates;
}

/** Text of the file that a setting names. Throws a ConfigError at the setting's path. */
export function readSettingsFile(path: string, file: string): string {
  try {
    return readTextFile(file);
  } catch (error) {
    throw new ConfigError([{ path, message: `cannot be read: ${messageOf(error)}` }]);
  }
}
