/** Orphans: deliveries that wait for a target which the settings no longer have. The same rules on every driver. */

/** Age of the event from which an orphan becomes a dead letter, milliseconds: a target's own default age limit. */
export const ORPHAN_MAX_AGE_MS = 259_200_000;

const REASON_END = " does not exist any more, and its age limit is reached";

/** Why such a dead letter is one. */
export function orphanReason(target: string): string {
  return `The target "${target}"${REASON_END}`;
}

export function isOrphanReason(reason: string): boolean {
  return reason.endsWith(REASON_END);
}
