/** The ready formats, by the names that `format:` takes. */
import { discord } from "./discord.ts";
import { flat } from "./flat.ts";
import type { Format } from "./format.ts";
import { jenkins } from "./jenkins.ts";
import { mattermost } from "./mattermost.ts";
import { slack } from "./slack.ts";
import { teams } from "./teams.ts";

export const READY_FORMATS = {
  slack,
  mattermost,
  teams,
  discord,
  jenkins,
  tekton: flat,
  "argo-events": flat,
} as const satisfies Readonly<Record<string, Format>>;

export type ReadyFormat = keyof typeof READY_FORMATS;

export const READY_NAMES = Object.keys(READY_FORMATS) as [ReadyFormat, ...ReadyFormat[]];
