/** How a round is named in the state file. */
import { createHash } from "node:crypto";
import { isFiltered, type RunConfig } from "./round.ts";

/**
 * Names the filters of a round, empty without any: a round that stopped early says nothing of projects that its filters left out, so
 * another run goes on from there only with the same ones.
 */
export function filterMark(config: RunConfig): string {
  if (!isFiltered(config)) return "";
  const { include, exclude, topics, visibility } = config;
  const text = JSON.stringify([include, exclude, topics, visibility]);
  return `?${createHash("sha256").update(text).digest("hex").slice(0, 12)}`;
}
