/** What the relay recovers by itself from one GitLab, as the API shows it. */
import type { InstanceRecovery } from "../../recovery/recoveries.ts";
import { isoOrNull } from "./event-json.ts";

export function recoveryJson(
  { instance, status: { state, missed, beganAt, nextTryAt, trouble, last } }: InstanceRecovery,
  mask: (text: string) => string,
): Readonly<Record<string, unknown>> {
  return {
    instance,
    state,
    missed:
      missed === null
        ? null
        : { since: isoOrNull(missed.since), until: isoOrNull(missed.until), wasAway: missed.wasAway },
    beganAt: isoOrNull(beganAt),
    nextTryAt: isoOrNull(nextTryAt),
    trouble: trouble === null ? null : mask(trouble),
    last:
      last === null
        ? null
        : {
            ...last,
            since: isoOrNull(last.since),
            until: isoOrNull(last.until),
            beganAt: isoOrNull(last.beganAt),
            endedAt: isoOrNull(last.endedAt),
            text: mask(last.text),
          },
  };
}
