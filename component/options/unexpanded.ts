/**
 * A value that is the name of a variable: CI leaves `$NAME` as it is if the job does not have the variable, as with a protected one on
 * another branch. As a secret it would go into every hook, and as an `--exclude` it would exclude no project.
 */

/** Only names in capitals, unless they stand in braces: a secret may begin with a dollar. Headers carry theirs behind a colon. */
const NAME = /^(?:[\w.-]{1,255}:\s{0,10})?(\$[A-Z_][A-Z0-9_]{0,254}|\$\{[A-Za-z_]\w{0,254}\})$/;

/** `$NAME` or `${NAME}`, if that is all of the value; null otherwise. */
export function unexpandedVariable(value: unknown): string | null {
  return typeof value === "string" ? (NAME.exec(value.trim())?.[1] ?? null) : null;
}

/** What is said of such a value. @param name null: it is not told, as it might be a secret after all */
export function unexpandedText(name: string | null): string {
  return `holds the name of a variable${name === null ? "" : `, ${name}`}, which this job does not have: see whether it is protected, of another environment or spelled otherwise`;
}
