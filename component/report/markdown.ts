/** report.md's building blocks: texts of others stay in their cell, and long lists end with a count. Pure. */
import { oneLine } from "../../lib/one-line.ts";

/** Rows of one table or list; report.json has all of them. */
const MOST_ROWS = 500;

/** A text that cannot leave its cell or become markup. */
export function cell(text: string): string {
  return oneLine(text).replaceAll("|", "\\|").replaceAll("<", "&lt;");
}

/** A table of one row: names above, numbers below. */
export function countsTable(counts: readonly (readonly [name: string, value: number | null])[]): string[] {
  return [
    `| ${counts.map(([name]) => name).join(" | ")} |`,
    `|${counts.map(() => "---:|").join("")}`,
    `| ${counts.map(([, value]) => String(value ?? "unknown")).join(" | ")} |`,
  ];
}

export interface TableColumn<Row> {
  readonly name: string;
  readonly text: (row: Row) => string;
  /** @default left */
  readonly align?: "left" | "right";
}

/** With a blank line before it; nothing if there is no row. */
export function rowsTable<Row>(columns: readonly TableColumn<Row>[], rows: readonly Row[]): string[] {
  if (rows.length === 0) return [];
  const more = rows.length - MOST_ROWS;
  return [
    "",
    `| ${columns.map(({ name }) => name).join(" | ")} |`,
    `|${columns.map(({ align }) => (align === "right" ? "---:|" : "---|")).join("")}`,
    ...rows.slice(0, MOST_ROWS).map((row) => `| ${columns.map(({ text }) => cell(text(row))).join(" | ")} |`),
    ...(more > 0 ? ["", `${more} more in report.json.`] : []),
  ];
}

/** A list, with a blank line before it; nothing if there is no item. */
export function bulletList(items: readonly string[]): string[] {
  return items.length === 0 ? [] : ["", ...items.map((item) => `- ${cell(item)}`)];
}

/** A list that is folded away; nothing if there is no item. */
export function folded(title: string, items: readonly string[]): string[] {
  if (items.length === 0) return [];
  const more = items.length - MOST_ROWS;
  return [
    "",
    `<details><summary>${title}</summary>`,
    "",
    ...items.slice(0, MOST_ROWS).map((item) => `- ${cell(item)}`),
    ...(more > 0 ? [`- ${more} more in report.json`] : []),
    "",
    "</details>",
  ];
}
