/**
 * The formats that the reports of all commands share: JUnit and dotenv, as GitLab reads them from a job's artifacts. Pure. JUnit is one
 * template here; junit-report-builder brings lodash and an XML writer.
 */
import { createHash } from "node:crypto";
import { oneLine } from "../../lib/one-line.ts";

export interface JunitCase {
  readonly name: string;
  readonly ended: "passed" | "failed" | "skipped";
  /** Why it failed or was skipped. */
  readonly reason: string | null;
  /** What is told of one that passed; line breaks are kept. */
  readonly output: string | null;
}

function xml(text: string): string {
  const escapes: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&apos;",
  };
  return oneLine(text).replace(/[&<>"']/g, (c) => escapes[c] as string);
}

function caseXml(suite: string, { name, ended, reason, output }: JunitCase): string {
  const head = `    <testcase classname="${xml(suite)}" name="${xml(name)}"`;
  switch (ended) {
    case "failed": {
      // GitLab shows the text of the element; other readers show the attribute.
      const text = xml(reason ?? "");
      return `${head}><failure message="${text}">${text}</failure></testcase>`;
    }
    case "skipped":
      return `${head}><skipped message="${xml(reason ?? "")}"/></testcase>`;
    case "passed":
      return output === null
        ? `${head}/>`
        : `${head}><system-out>${output.split("\n").map(xml).join("&#10;")}</system-out></testcase>`;
    default:
      return ended satisfies never;
  }
}

/** Whose run it was. */
export interface JunitRun {
  readonly command: string;
  readonly group: string;
  /** What ended the run as a whole; it counts as a failure of its own. */
  readonly trouble: string | null;
}

/** junit.xml of a command. */
export function junitXml({ command, group, trouble }: JunitRun, cases: readonly JunitCase[]): string {
  const suite = `gitlab-hook-relay ${command}`;
  const run: readonly JunitCase[] =
    trouble === null ? [] : [{ name: "the run", ended: "failed", reason: trouble, output: null }];
  const all = [...cases, ...run];
  const count = (ended: JunitCase["ended"]): number => all.filter((one) => one.ended === ended).length;
  const counts = `tests="${all.length}" failures="${count("failed")}" skipped="${count("skipped")}" errors="0"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="${xml(`${suite} ${group}`)}" ${counts}>`,
    ...all.map((one) => caseXml(suite, one)),
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

/** Names of the components' jobs unless another one was given. */
const USUAL_JOBS: ReadonlySet<string> = new Set(["install-hooks", "recover-deliveries"]);

/**
 * Beginning of the names in hooks.env. A job with its own name has names of its own, so that later jobs can read the results
 * of several: GitLab hands all of them on in one list. Never both kinds: self-managed instances take 20 names from a job.
 * @param usual as `HOOKS_RESULT_`
 * @param job name of the component's job (its input `as`); empty outside of a component
 */
export function resultPrefix(usual: string, job: string): string {
  if (job === "" || USUAL_JOBS.has(job)) return usual;
  const words = job.toUpperCase().match(/[A-Z0-9]+/g);
  const name = words?.join("_") ?? createHash("sha256").update(job).digest("hex").slice(0, 8).toUpperCase();
  return `${usual}${name}_`;
}

/** Variables for later jobs, one a line. */
export function dotenvLines(
  prefix: string,
  values: Readonly<Record<string, string | number | boolean>>,
): string {
  return Object.entries(values)
    .map(([name, value]) => `${prefix}${name}=${value}\n`)
    .join("");
}
