/** Parts of a job's log that GitLab folds. Pure. */

export interface LogSection {
  readonly name: string;
  readonly title: string;
  /** It is folded when the log is opened. @default false */
  readonly collapsed?: boolean;
}

/** @param unixSeconds when it began */
export function sectionStart({ name, title, collapsed = false }: LogSection, unixSeconds: number): string {
  return `\u001b[0Ksection_start:${unixSeconds}:${name}${collapsed ? "[collapsed=true]" : ""}\r\u001b[0K${title}`;
}

/** @param unixSeconds when it ended */
export function sectionEnd(name: string, unixSeconds: number): string {
  return `\u001b[0Ksection_end:${unixSeconds}:${name}\r\u001b[0K`;
}
