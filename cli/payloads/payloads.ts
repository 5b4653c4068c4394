/** A payload of our own making for each kind of lib/events.ts; a test has the relay's own reading recognise every one. */
import { CODE_PAYLOADS } from "./code.ts";
import { MEMBER_PAYLOADS } from "./members.ts";
import { CI_PAYLOADS } from "./pipelines.ts";
import { PLANNING_PAYLOADS } from "./planning.ts";
import type { Payload } from "./scene.ts";

/** By `kind` of lib/events.ts. */
export const PAYLOADS: ReadonlyMap<string, Payload> = new Map(
  [CODE_PAYLOADS, PLANNING_PAYLOADS, CI_PAYLOADS, MEMBER_PAYLOADS].flatMap(Object.entries<Payload>),
);
