/** The matters that may need an operator: kinds of `GET /api/v1/attention`, and what `alerts.on` may name. */

/** Most urgent first. */
export const ATTENTION_KINDS = [
  "not-ready",
  "refused",
  "not-stored",
  "storage-damaged",
  "recovery-due",
  "target-failing",
  "target-behind",
  "settings-refused",
  "unknown-variable",
  "project-files-refused",
  "target-paused",
  "orphans",
  "dead-letters",
  "no-target",
] as const;

export type AttentionKind = (typeof ATTENTION_KINDS)[number];
