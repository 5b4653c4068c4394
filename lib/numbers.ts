/** Counts as people read them. */

/** "1,234,567". */
export function grouped(count: number): string {
  return Math.round(count).toLocaleString("en");
}

/** "1 event", "2,000 deliveries". */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${count === 1 ? noun : `${noun}s`.replace(/ys$/, "ies")}`;
}
