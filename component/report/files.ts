/** The files of `--report-dir`, the same for every command: what differs is how its report becomes rows. Pure. */
import type { Context } from "./context.ts";
import { dotenvLines, junitXml, resultPrefix, type JunitCase } from "./formats.ts";

/** How one command's report is shown. */
export interface Rendering<Report> {
  markdown(report: Report, context: Context): string;
  /** A test case for each place; in a dry run a change counts as passed, as it fails nothing by itself. */
  cases(report: Report, context: Context): readonly JunitCase[];
  /** Variables for later jobs. Their names are no option's, or a later job would take them for its settings. */
  readonly variables: {
    readonly prefix: string;
    values(report: Report): Readonly<Record<string, string | number | boolean>>;
  };
}

function reportJson(report: object): string {
  return `${JSON.stringify(report, null, 1)}\n`;
}

/** By name; each text is made when it is asked for, since all at once they take more than the run. */
export function reportFiles<Report extends object>(
  { markdown, cases, variables }: Rendering<Report>,
  report: Report,
  context: Context,
): ReadonlyMap<string, () => string> {
  const { command, group, trouble, job } = context;
  return new Map([
    ["report.json", () => reportJson(report)],
    ["report.md", () => markdown(report, context)],
    ["junit.xml", () => junitXml({ command, group, trouble }, cases(report, context))],
    ["hooks.env", () => dotenvLines(resultPrefix(variables.prefix, job), variables.values(report))],
  ]);
}
