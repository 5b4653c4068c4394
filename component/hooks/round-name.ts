/**
 * How a round and its walks are named in the state file. Another run goes on where one stopped only if it does the same: what was
 * done so far must be what the next run would have done.
 */
import { createHash } from "node:crypto";
import { digestOfRelay } from "./address.ts";
import type { WantedHook } from "./desired.ts";
import { isFiltered, type RunConfig } from "./round.ts";

/**
 * Names the filters of a round, empty without any: a round that stopped early says nothing of projects that its filters left out, so
 * another run goes on from there only with the same ones.
 */
export function filterMark(config: RunConfig): string {
  if (!isFiltered(config)) return "";
  const { include, exclude, topics, visibility } = config;
  return `?${digest([include, exclude, topics, visibility])}`;
}

/** Names a walk that gives projects the wanted hook: with another address, secret or event it begins anew. */
export function installName(
  walk: "install" | "survey",
  wanted: WantedHook,
  { pruneDuplicates, reenable, removeSecrets }: RunConfig,
): string {
  const { url, shown, marker } = wanted;
  const { fingerprint, headerNames } = marker;
  return `${walk} ${digest([url, shown, fingerprint, headerNames, pruneDuplicates, reenable, removeSecrets])}`;
}

/** Names a walk that takes the hooks of one relay away. */
export function sweepName({ url }: RunConfig, walk: "sweep" | "uninstall" = "sweep"): string {
  return url === null ? walk : `${walk} ${digestOfRelay(url)}`;
}

function digest(values: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(values)).digest("hex").slice(0, 12);
}
