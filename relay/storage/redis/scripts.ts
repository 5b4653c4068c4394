/** What must happen at once in Redis, as Lua scripts by name, with the hash that Redis knows each one by. */
import { createHash } from "node:crypto";
import { DELIVERY_SCRIPTS } from "./lua/deliveries.ts";
import { EVENT_SCRIPTS } from "./lua/events.ts";

const LUA = {
  ...EVENT_SCRIPTS,
  ...DELIVERY_SCRIPTS,
  /** Writes and takes it back: fails for the same reasons as storing an event would. */
  relayProbe: `
redis.call('SET', KEYS[1] .. ':probe', '1')
redis.call('DEL', KEYS[1] .. ':probe')
return 1
`,
} as const;

export type ScriptName = keyof typeof LUA;

export interface Script {
  readonly lua: string;
  /** SHA-1, as Redis names it. */
  readonly sha: string;
}

export const SCRIPTS = Object.fromEntries(
  Object.entries(LUA).map(([name, lua]) => [
    name,
    { lua, sha: createHash("sha1").update(lua).digest("hex") },
  ]),
) as Readonly<Record<ScriptName, Script>>;
