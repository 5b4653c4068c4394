/** The matters that may need an operator: kinds of `GET /api/v1/attention`, and what `alerts.on` may name. */

/** Most urgent first. */
export const ATTENTION_KINDS = [
  "not-ready",
  "refused",
  "not-stored",
  "recovery-due",
  "target-failing",
  "target-behind",
  "settings-refused",
  "unknown-variable",
  "target-paused",
  "orphans",
  "dead-letters",
  "no-target",
] as const;

export type AttentionKind = (typeof ATTENTION_KINDS)[number];
