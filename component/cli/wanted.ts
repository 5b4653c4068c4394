/** The hook that a plan compares everything with, in a few lines. Pure. */
import { shownUrl } from "../../lib/log.ts";
import type { InstallerConfig } from "../options/config.ts";

export function wantedLines(config: InstallerConfig): string[] {
  const { secretToken, signingToken, masterSecret } = config.secrets;
  const shared = [
    ...(secretToken === null ? [] : ["a secret token"]),
    ...(signingToken === null ? [] : ["a signing token"]),
  ].join(" and ");
  const secret = masterSecret !== null ? "its own, derived from the master secret" : shared || "none";
  const headers = Object.keys(config.customHeaders);
  const key = masterSecret === null ? "" : "/<key of the hook>";
  return [
    `wanted: ${shownUrl(String(config.url))}${key}`,
    `events: ${config.events.join(", ")}; secret: ${secret}; TLS verification: ${config.enableSslVerification ? "on" : "off"}`,
    ...(config.pushEventsBranchFilter === "" ? [] : [`branches: ${config.pushEventsBranchFilter}`]),
    ...(headers.length === 0 ? [] : [`headers: ${headers.join(", ")}`]),
  ];
}
