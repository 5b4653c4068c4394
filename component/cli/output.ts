/**
 * What the operator sees of a run. In a log: one line for each project that changed, as it happens, folded into a section where the
 * log knows sections, lines on how far it is, and a table at the end. On a terminal the same, with a bar in place of those lines.
 */
import type { Wait } from "../../lib/gitlab/budget.ts";
import type { HookResult } from "../hooks/result.ts";
import type { Context } from "../report/context.ts";
import { sectionEnd, sectionStart } from "../report/job-log.ts";
import { hooksTable, resultLine, type InstallReport } from "../report/report.ts";
import { Progress } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

export interface OutputOptions {
  readonly say: (text: string) => void;
  /** The log folds sections, as GitLab's does. */
  readonly folds: boolean;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  /** Monotonic, milliseconds. */
  readonly monotonic: () => number;
  /** Null: nothing can be redrawn. */
  readonly terminal: Pick<Terminal, "redraw" | "clear"> | null;
}

/** Skipped projects that are named where the log does not fold. */
const MOST_SKIPPED = 20;

export class Output {
  readonly #options: OutputOptions;
  readonly #progress: Progress;

  constructor(options: OutputOptions) {
    this.#options = options;
    this.#progress = new Progress({
      now: options.monotonic,
      line: (text) => this.#line(`* ${text}`),
      draw: options.terminal === null ? null : (text) => options.terminal?.redraw(text),
    });
  }

  begin(title: string, wanted: readonly string[]): void {
    this.#line(title);
    for (const text of wanted) this.#line(`  ${text}`);
    if (this.#options.folds)
      this.#line(sectionStart({ name: "hooks_projects", title: "Projects" }, this.#seconds()));
  }

  result(result: HookResult): void {
    if (["create", "update", "remove"].includes(result.action)) this.#progress.change();
    const text = resultLine(result);
    if (text !== null) this.#line(text);
  }

  progress(done: number, total: number | null): void {
    this.#progress.step(done, total);
  }

  wait(wait: Wait | null): void {
    this.#progress.wait(wait);
  }

  notice(text: string): void {
    this.#line(`* ${text}`);
  }

  end(report: InstallReport, context: Context): void {
    const { folds, terminal } = this.#options;
    terminal?.clear();
    if (folds) this.#line(sectionEnd("hooks_projects", this.#seconds()));
    const skipped = report.results.filter((r) => r.action === "skip");
    if (skipped.length > 0) {
      const rows = skipped.map((r) => `. skip ${r.path}: ${r.reason ?? ""}`);
      this.#section(
        "hooks_skipped",
        `Skipped: ${skipped.length}`,
        folds ? rows : rows.slice(0, MOST_SKIPPED),
      );
      if (!folds && rows.length > MOST_SKIPPED) this.#line(`. ${rows.length - MOST_SKIPPED} more`);
    }
    if (context.trouble !== null) this.#line(`! ${context.trouble}`);
    // Where nothing was reached, a table of zeros says nothing.
    if (context.trouble !== null && report.results.length === 0) return;
    this.#line(hooksTable(report, context, this.#progress.elapsedMs));
  }

  #line(text: string): void {
    this.#options.say(`${text}\n`);
  }

  #seconds(): number {
    return Math.floor(this.#options.now() / 1000);
  }

  #section(name: string, title: string, body: readonly string[]): void {
    const { folds } = this.#options;
    this.#line(folds ? sectionStart({ name, title, collapsed: true }, this.#seconds()) : title);
    for (const text of body) this.#line(text);
    if (folds) this.#line(sectionEnd(name, this.#seconds()));
  }
}
