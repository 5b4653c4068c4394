/**
 * The syntax of globs, read into a tree: `*`, `**`, `?`, `[a-z]`, `{a,b}`, `{1..3}`, `(a|b)`, `?(a)`, `*(a)`, `+(a)`, `@(a)`, `!(a)`
 * and `\` before a character that stands for itself. What is not closed is text.
 */

export type Glob = readonly Part[];

export type Part =
  | { readonly type: "text"; readonly text: string }
  /** Anything within a segment. `alone`: it is the whole segment, and that is not empty. */
  | { readonly type: "star"; readonly alone: boolean }
  /** Any number of segments, with the slash that follows or comes before. */
  | { readonly type: "globstar"; readonly slash: "before" | "after" | "none" }
  | { readonly type: "any" }
  /** A class of characters, without its brackets. */
  | { readonly type: "class"; readonly negated: boolean; readonly members: string }
  | { readonly type: "choice"; readonly choices: readonly Glob[]; readonly times: "" | "?" | "*" | "+" }
  | { readonly type: "not"; readonly choices: readonly Glob[] };

/** Most values that `{1..n}` stands for. */
const MAX_RANGE = 100;
const MAX_DEPTH = 10;
/** `**`, as often as you like, is one. */
const REPEATED_GLOBSTAR = /(^|\/)\*\*(?:\/\*\*)+(?=\/|$)/g;

/** Throws a SyntaxError for groups that are nested too deeply, for `!( )` within another group and for endless ranges. */
export function parseGlob(source: string): Glob {
  return parts(source.replace(REPEATED_GLOBSTAR, "$1**"), 0);
}

function parts(source: string, depth: number): Glob {
  if (depth > MAX_DEPTH) throw new SyntaxError(`groups are nested more than ${MAX_DEPTH} deep`);
  const found: Part[] = [];
  let text = "";
  const add = (part: Part): void => {
    if (text !== "") found.push({ type: "text", text });
    text = "";
    found.push(part);
  };
  let at = 0;
  while (at < source.length) {
    const char = source.charAt(at);
    const group = groupAt(source, at);
    if (group !== null) {
      add(groupPart(group, depth));
      at = group.end;
    } else if (char === "*") {
      const stars = starsAt(source, at);
      if (stars.takesSlash) text = text.slice(0, -1);
      add(stars.part);
      at = stars.end;
    } else if (char === "?") {
      add({ type: "any" });
      at++;
    } else if (char === "[") {
      const end = source.indexOf("]", at + (/[!^]/.test(source.charAt(at + 1)) ? 3 : 2));
      if (end === -1) text += char;
      else add(classPart(source.slice(at + 1, end)));
      at = end === -1 ? at + 1 : end + 1;
    } else {
      if (char === "\\" && at + 1 < source.length) at++;
      text += source.charAt(at);
      at++;
    }
  }
  if (text !== "") found.push({ type: "text", text });
  return found;
}

/** `**` is more than `*` only where it is a whole segment. */
function starsAt(
  source: string,
  at: number,
): { readonly part: Part; readonly end: number; readonly takesSlash: boolean } {
  let end = at;
  while (source.charAt(end) === "*" && (end === at || source.charAt(end + 1) !== "(")) end++;
  const before = source.charAt(at - 1);
  const after = source.charAt(end);
  const isSegment = (before === "" || before === "/") && (after === "" || after === "/");
  const isGlobstar = isSegment && end - at > 1;
  if (!isGlobstar) return { part: { type: "star", alone: isSegment }, end, takesSlash: false };
  if (after === "/") return { part: { type: "globstar", slash: "after" }, end: end + 1, takesSlash: false };
  const slash = before === "/" ? "before" : "none";
  return { part: { type: "globstar", slash }, end, takesSlash: before === "/" };
}

function classPart(inner: string): Part {
  const negated = /^[!^]/.test(inner);
  return { type: "class", negated, members: negated ? inner.slice(1) : inner };
}

interface Group {
  readonly kind: string;
  readonly choices: readonly string[];
  readonly end: number;
}

/** The group that begins here: `{a,b}`, `(a|b)` or one with a sign before its parenthesis; null: none does. */
function groupAt(source: string, at: number): Group | null {
  const char = source.charAt(at);
  if (char === "{") {
    const found = closing(source, at, "{},");
    if (found === null) return null;
    const choices = found.choices.length > 1 ? found.choices : rangeOf(found.choices[0] ?? "");
    return choices === null ? null : { kind: "", choices, end: found.end };
  }
  const sign = source.charAt(at + 1) === "(" && "?*+@!".includes(char) ? char : "";
  const open = at + sign.length;
  if (source.charAt(open) !== "(") return null;
  const found = closing(source, open, "()|");
  return found === null ? null : { kind: sign, ...found };
}

/** What stands between the brackets, by the separator at their own depth. @param signs opening, closing, separator */
function closing(
  source: string,
  open: number,
  signs: string,
): { readonly choices: readonly string[]; readonly end: number } | null {
  const choices: string[] = [];
  let from = open + 1;
  let depth = 0;
  for (let at = open + 1; at < source.length; at++) {
    const char = source.charAt(at);
    if (char === "\\") at++;
    else if (char === signs[0]) depth++;
    else if (char === signs[1] && depth-- === 0) {
      choices.push(source.slice(from, at));
      return { choices, end: at + 1 };
    } else if (char === signs[2] && depth === 0) {
      choices.push(source.slice(from, at));
      from = at + 1;
    }
  }
  return null;
}

function groupPart({ kind, choices }: Group, depth: number): Part {
  if (kind !== "!") {
    const times = kind === "" || kind === "@" ? "" : (kind as "?" | "*" | "+");
    return { type: "choice", choices: choices.map((choice) => parts(choice, depth + 1)), times };
  }
  if (depth > 0) throw new SyntaxError("!( ) may not stand within another group");
  return { type: "not", choices: choices.map((choice) => parts(choice, depth + 1)) };
}

/** The values of `1..3` or `a..c`; null: it is no range. */
function rangeOf(text: string): string[] | null {
  const ends = /^(?:(-?\d{1,9})\.\.(-?\d{1,9})|([a-zA-Z])\.\.([a-zA-Z]))$/.exec(text);
  if (ends === null) return null;
  const [, low, high, first, last] = ends;
  const isNumber = low !== undefined;
  const from = isNumber ? Number(low) : (first ?? "").charCodeAt(0);
  const to = isNumber ? Number(high) : (last ?? "").charCodeAt(0);
  const count = Math.abs(to - from) + 1;
  if (count > MAX_RANGE) throw new SyntaxError(`{${text}} stands for ${count} values, limit is ${MAX_RANGE}`);
  const step = to < from ? -1 : 1;
  return Array.from({ length: count }, (_, i) => {
    const value = from + i * step;
    return isNumber ? String(value) : String.fromCharCode(value);
  });
}
