/**
 * Reads what GitLab makes of an array input inside a longer text: the notation of Ruby's `inspect`, put there by a substitution
 * (`gsub`) that has halved the backslashes. Pure.
 *
 * In that text a backslash of an item is one backslash, a quote is `\"`, `#` before `{`, `$` or `@` is `\#`, and what does not
 * print is an escape (`\n`, `\u200B`). Two things cannot be told apart: an escape, and a backslash before the same letter; and a
 * quote inside an item, and a backslash at the end of one. The second is settled by the rest of the text, which fits one of them
 * only; the first is settled by nothing, and the whole list is refused.
 */

export type RubyList =
  /** Null: `nil`. What is no text (a number, true, false) is one here. */
  { readonly items: readonly (string | null)[] } | { readonly problem: "ambiguous" | "other-notation" };

/** GitLab takes no input of more; the search below is linear in it but for lists that are made to be slow. */
const LONGEST = 64 * 1024;

const OTHER_NOTATION = { problem: "other-notation" } as const;
const AMBIGUOUS = { problem: "ambiguous" } as const;

/** An item that begins at one place, and where the next one begins; null: it is the last. */
interface Reading {
  readonly item: string | null;
  readonly next: number | null;
}

/** @param text the list and nothing else, without blanks around it */
export function readRubyList(text: string): RubyList {
  if (text === "[]") return { items: [] };
  if (!text.startsWith("[") || !text.endsWith("]") || text.length > LONGEST) return OTHER_NOTATION;
  const readings = new Map<number, Reading | "ambiguous">();
  // From the end, so that whatever follows an item has been read before it.
  for (let at = text.length - 2; at >= 1; at--) {
    if (at > 1 && !text.startsWith(", ", at - 2)) continue;
    const fitting = candidates(text, at).filter(({ next }) => next === null || readings.has(next));
    if (fitting.length === 1) readings.set(at, fitting[0] as Reading);
    else if (fitting.length > 1) readings.set(at, "ambiguous");
  }
  const items: (string | null)[] = [];
  for (let at: number | null = 1; at !== null;) {
    const reading = readings.get(at);
    if (reading === undefined) return OTHER_NOTATION;
    if (reading === "ambiguous") return AMBIGUOUS;
    if (reading.item !== null && mayHoldEscape(reading.item)) return AMBIGUOUS;
    items.push(reading.item === null ? null : plain(reading.item));
    at = reading.next;
  }
  return { items };
}

const BARE = /(?:nil|true|false|-?\d+(?:\.\d+)?)(?=, |\]$)/y;

/** All items that may begin here, still with their escapes but for `\"`. */
function candidates(text: string, start: number): Reading[] {
  if (text[start] !== '"') {
    BARE.lastIndex = start;
    const bare = BARE.exec(text)?.[0];
    if (bare === undefined) return [];
    const next = nextStart(text, start + bare.length);
    return next === undefined ? [] : [{ item: bare === "nil" ? null : bare, next }];
  }
  const found: Reading[] = [];
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] !== '"') continue;
    const escaped = text[at - 1] === "\\" && at - 1 > start;
    const next = nextStart(text, at + 1);
    if (next !== undefined) found.push({ item: text.slice(start + 1, at), next });
    if (!escaped) break;
  }
  return found;
}

/** Where the item after this place begins; null: the list ends here; undefined: no item ends here. */
function nextStart(text: string, at: number): number | null | undefined {
  if (at === text.length - 1) return null;
  return text.startsWith(", ", at) ? at + 2 : undefined;
}

function mayHoldEscape(item: string): boolean {
  return /\\(?:[abefnrtv]|u[0-9A-F]{4}|u\{[0-9A-F]+\}|x[0-9A-F]{2})/.test(item);
}

/** The item as it was: every other backslash is its own. */
function plain(item: string): string {
  return item.replace(/\\("|#(?=[{$@]))/g, "$1");
}
