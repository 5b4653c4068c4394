/** The order of the folders as a Markdown table, from the rows that the architecture test enforces. */
import { ORDER } from "../structure/order.ts";

export function foldersTable(): string {
  const rows = ORDER.map(
    ({ path, subject }) => `| \`${path}${path.endsWith(".ts") ? "" : "/"}\` | ${subject} |`,
  );
  return ["| Folder | Subject |", "| --- | --- |", ...rows].join("\n");
}
