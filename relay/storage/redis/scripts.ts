/**
 * What must happen at once in Redis, as Lua scripts by name, with the hash that Redis knows each one by. A script is a file in lua/
 * whose head says what it takes and answers. A line `-- @include NAME` puts lua/shared/NAME.lua before it; shared/library.lua lists
 * the keys.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const NAMES = [
  "claim",
  "enqueue",
  "heartbeat",
  "job-change",
  "job-create",
  "job-follow",
  "job-remove",
  "job-restore",
  "job-step",
  "lane",
  "lease",
  "pause",
  "probe",
  "release",
  "remember",
  "remove",
  "replay",
  "restore",
  "retire",
  "route",
  "settle",
  "sweep",
] as const;

export type ScriptName = (typeof NAMES)[number];

export interface Script {
  readonly lua: string;
  /** SHA-1, as Redis names it. */
  readonly sha: string;
}

const INCLUDE = "-- @include ";

export const SCRIPTS = Object.fromEntries(NAMES.map((name) => [name, load(name)])) as Readonly<
  Record<ScriptName, Script>
>;

function load(name: ScriptName): Script {
  const script = read(`${name}.lua`);
  const shared = script
    .split("\n")
    .filter((line) => line.startsWith(INCLUDE))
    .map((line) => read(`shared/${line.slice(INCLUDE.length)}.lua`));
  const lua = [...shared, script].join("\n");
  return { lua, sha: createHash("sha1").update(lua).digest("hex") };
}

function read(path: string): string {
  return readFileSync(new URL(`./lua/${path}`, import.meta.url), "utf8");
}
