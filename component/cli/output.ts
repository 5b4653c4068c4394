/**
 * The job log: no terminal, so no spinners and no redrawing. One line for each project that changed, as it happens, folded into
 * a section where the log knows sections, and a table at the end.
 */
import {
  finalTable,
  resultLine,
  sectionEnd,
  sectionStart,
  type Context,
  type Report,
} from "../report/report.ts";
import type { HookResult } from "../hooks/result.ts";

export interface Output {
  begin(title: string): void;
  result(result: HookResult): void;
  notice(text: string): void;
  end(report: Report, context: Context): void;
}

export interface OutputOptions {
  readonly say: (text: string) => void;
  /** The log folds sections, as GitLab's does. */
  readonly folds: boolean;
  readonly now: () => number;
}

export function createOutput(options: OutputOptions): Output {
  const { say, folds } = options;
  const seconds = (): number => Math.floor(options.now() / 1000);
  const line = (text: string): void => say(`${text}\n`);
  const section = (name: string, title: string, body: readonly string[], collapsed: boolean): void => {
    line(folds ? sectionStart(name, title, seconds(), collapsed) : title);
    for (const text of body) line(text);
    if (folds) line(sectionEnd(name, seconds()));
  };
  return {
    begin(title) {
      line(title);
      if (folds) line(sectionStart("hooks_projects", "Projects", seconds()));
    },
    result(result) {
      const text = resultLine(result);
      if (text !== null) line(text);
    },
    notice: (text) => line(`* ${text}`),
    end(report, context) {
      if (folds) line(sectionEnd("hooks_projects", seconds()));
      const skipped = report.results.filter((r) => r.action === "skip");
      if (skipped.length > 0) {
        const rows = skipped.map((r) => `. skip ${r.path}: ${r.reason ?? ""}`);
        section("hooks_skipped", `Skipped: ${skipped.length}`, folds ? rows : rows.slice(0, 20), true);
        if (!folds && rows.length > 20) line(`. ${rows.length - 20} more`);
      }
      if (context.trouble !== null) line(`! ${context.trouble}`);
      line(finalTable(report, context));
    },
  };
}
