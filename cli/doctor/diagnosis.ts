/** What `doctor` finds: one line for each thing that it looked at. */

export type Status = "ok" | "warn" | "fail" | "skip";

export interface Diagnosis {
  /** What was looked at, such as `target ci-bot`. */
  readonly subject: string;
  /** `skip`: it could not be looked at, the text says what that would take. */
  readonly status: Status;
  readonly text: string;
  /** What to do; null: nothing. */
  readonly cure: string | null;
}

export const ok = (subject: string, text: string): Diagnosis => ({ subject, status: "ok", text, cure: null });
export const skip = (subject: string, text: string): Diagnosis => ({
  subject,
  status: "skip",
  text,
  cure: null,
});

export function warn(subject: string, text: string, cure: string): Diagnosis {
  return { subject, status: "warn", text, cure };
}

export function fail(subject: string, text: string, cure: string): Diagnosis {
  return { subject, status: "fail", text, cure };
}

const SIGNS: Readonly<Record<Status, string>> = { ok: "ok  ", warn: "WARN", fail: "FAIL", skip: "-   " };

/** The findings as text: one line each, and below what is wrong its cure. */
export function findingsText(findings: readonly Diagnosis[]): string {
  const width = Math.max(...findings.map(({ subject }) => subject.length));
  const lines = findings.flatMap(({ subject, status, text, cure }) => [
    `${SIGNS[status]}  ${subject.padEnd(width)}  ${text}`,
    ...(cure === null ? [] : [`      ${" ".repeat(width)}  -> ${cure}`]),
  ]);
  const count = (wanted: Status): number => findings.filter(({ status }) => status === wanted).length;
  return `${lines.join("\n")}\n\n${count("fail")} failed, ${count("warn")} to look at, ${count("ok")} fine, ${count("skip")} not looked at\n`;
}
