/** Rows as columns for a terminal. Pure. */
import { stripVTControlCharacters } from "node:util";
import { oneLine } from "../lib/one-line.ts";

/** Characters of the last column that are worth a place beside the others. */
const LEAST_LAST = 24;
const INDENT = "    ";

/**
 * Columns side by side, two blanks apart. If the width leaves too little of the last column, it goes below the others, indented. What is
 * wider still is cut. Senders' control characters are taken out.
 */
export function textTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  width: number,
): string {
  const lines = [head, ...rows].map((cells) => cells.map(plain));
  const widths = head.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  const longest = widths.at(-1) as number;
  const room = width - widths.slice(0, -1).reduce((sum, one) => sum + one + 2, 0);
  const isBelow = room < Math.min(longest, LEAST_LAST) && room < width - INDENT.length;
  const texts = lines.flatMap((cells) => {
    const last = cells.at(-1) as string;
    const others = cells.slice(0, -1).map((cell, column) => `${cell.padEnd(widths[column] as number)}  `);
    if (!isBelow) return (others.join("") + last).trimEnd();
    const first = others.join("").trimEnd();
    return last === "" ? first : [first, INDENT + last];
  });
  return texts.map((text) => `${cut(text, width)}\n`).join("");
}

/** One line without anything that a terminal obeys, whole sequences of escapes included. */
export function plain(text: string): string {
  return oneLine(stripVTControlCharacters(text));
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(1, width - 1))}…`;
}
