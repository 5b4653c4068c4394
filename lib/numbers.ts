/** Counts as people read them, and when a part of them is most. */

/** "1,234,567". */
export function grouped(count: number): string {
  return Math.round(count).toLocaleString("en");
}

/** "1 event", "2,000 deliveries". */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${count === 1 ? noun : `${noun}s`.replace(/ys$/, "ies")}`;
}

/** Whether the part is more than half of the whole: from there on attempts are said to fail, by pages, commands and alerts alike. */
export function isMost(part: number, whole: number): boolean {
  return part > whole / 2;
}
