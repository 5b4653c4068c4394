/**
 * What the queue needs at a start of what it has written: the ids and lengths of events, the heads of states, summaries of records of
 * routes, and of the rest the whole value. The indexes beside the journal's segments hold exactly this.
 */
import { EVENT_KEY, ID_LENGTH, formatEventKey, parseIdInto } from "../../event/event-id.ts";
import type { RecoveryNeeds } from "../journal/types.ts";
import { PREFIX } from "./records.ts";
import { summarizeRoutes } from "./route-summary.ts";
import { stateNeededBytes } from "./state-records.ts";

const EVENT_KEY_LENGTH = EVENT_KEY.length + ID_LENGTH;

export const RECOVERY_NEEDS: RecoveryNeeds = {
  version: 3,
  packed: {
    bytes: EVENT_KEY_LENGTH,
    parse: (key, into) =>
      key.length === EVENT_KEY_LENGTH &&
      key.startsWith(EVENT_KEY) &&
      parseIdInto(key, EVENT_KEY.length, into),
    format: (id) => formatEventKey(id[0]!, id[1]!, id[2]!, id[3]!),
  },
  kept(key, value) {
    if (key.startsWith(PREFIX.state)) return value.subarray(0, stateNeededBytes(value));
    return key.startsWith(PREFIX.routes) ? summarizeRoutes(value) : value;
  },
};
