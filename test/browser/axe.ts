/** axe-core on a page: what it finds wrong with contrast, labels, roles and order, in words. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly help: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
  }[];
}

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** The rules that depend on colours. */
const COLOUR_RULES = ["color-contrast", "link-in-text-block"];

/** One line per element that breaks a rule; none is what is wanted. */
export async function axeProblems(page: Page, which: "all" | "colours" = "all"): Promise<string[]> {
  await page.evaluate(source);
  const runOnly = which === "all" ? TAGS : { type: "rule", values: COLOUR_RULES };
  const run = `axe.run(document, { runOnly: ${JSON.stringify(runOnly)} })`;
  const { violations } = await page.evaluate<AxeResult>(run);
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id}: ${help}: ${node.html.slice(0, 160)} ${node.failureSummary ?? ""}`),
  );
}
