/** Rows as columns for a terminal. Pure. */
import { stripVTControlCharacters } from "node:util";
import { oneLine } from "../lib/one-line.ts";

/** Columns side by side, two blanks apart; texts beyond the width are cut in the last column. Senders' control characters are taken out. */
export function textTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  width: number,
): string {
  const lines = [head, ...rows].map((cells) => cells.map(plain));
  const widths = head.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  const texts = lines.map((cells) =>
    cells
      .map((cell, column) => (column === head.length - 1 ? cell : cell.padEnd(widths[column] as number)))
      .join("  ")
      .trimEnd(),
  );
  return texts.map((text) => `${cut(text, width)}\n`).join("");
}

/** One line without anything that a terminal obeys, whole sequences of escapes included. */
export function plain(text: string): string {
  return oneLine(stripVTControlCharacters(text));
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(1, width - 1))}…`;
}
