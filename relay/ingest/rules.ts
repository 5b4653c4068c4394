/** What the settings say about webhooks, compiled: swapped as a whole when relay.yaml changes. */
import type { Config } from "../config/schema.ts";
import { createAddressRules, type AddressRules } from "../http/client-address.ts";
import { createSenders, type Senders } from "./senders.ts";

/** What changes when relay.yaml does; compiled once, swapped as a whole. */
export interface IngestRules {
  readonly maxBodyBytes: number;
  /** Bytes of bodies, in all, that may wait to be verified. */
  readonly maxUnverifiedBytes: number;
  readonly addresses: AddressRules;
  readonly senders: Senders;
  /** Custom headers that some target gets, names in lower case. */
  readonly customHeaders: ReadonlySet<string>;
}

export function compileIngest(
  config: Pick<Config, "server" | "gitlab" | "instances" | "targets">,
): IngestRules {
  return {
    maxBodyBytes: config.server.maxBodyBytes,
    // One body must fit, with what its pieces cost beside their bytes.
    maxUnverifiedBytes: Math.max(config.server.maxUnverifiedBytes, 1.25 * config.server.maxBodyBytes),
    addresses: createAddressRules(config.server),
    senders: createSenders(config),
    customHeaders: new Set(
      Object.values(config.targets).flatMap((target) =>
        "passHeaders" in target ? target.passHeaders.map((name) => name.toLowerCase()) : [],
      ),
    ),
  };
}
