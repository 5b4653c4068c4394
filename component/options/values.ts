/**
 * One text of the command line or the environment -> the value of its option. What does not parse as a number or a boolean stays
 * text, for the schema to refuse; a list that cannot be read is a problem of its own, because an empty filter would select every
 * project.
 *
 * A list is `a, b`, a JSON array, a JSON object of `key: value` items, or what GitLab makes of an array input inside a text (see
 * ruby-list.ts).
 */
import { readRubyList } from "./ruby-list.ts";
import type { OptionType } from "./row.ts";

export type Reading = { readonly value: unknown } | { readonly problem: string };

/** Who has made a text of an array input: GitLab writes Ruby, gitlab-ci-local JSON. `either`: it is not known. */
export type ListNotation = "ruby" | "json" | "either";

/**
 * @param text what was given, not empty
 * @param notation of the lists that come from inputs
 */
export function readOptionValue(type: OptionType, text: string, notation: ListNotation = "either"): Reading {
  switch (type) {
    case "text":
    case "choice":
      return { value: text };
    case "number":
      return { value: /^\s*-?\d+(\.\d+)?\s*$/.test(text) ? Number(text) : text };
    case "boolean":
      // Blanks around it do not count: the components' templates have one behind each boolean, to make it text.
      if (/^\s*(true|1|yes|on)\s*$/i.test(text)) return { value: true };
      return { value: /^\s*(false|0|no|off)\s*$/i.test(text) ? false : text };
    case "list":
      return readList(text, notation);
    default:
      return type satisfies never;
  }
}

/** Begins as an array of quoted items, of maps or of nothing; a glob such as `[ab]*` does not. */
const ARRAY = /^\s*\[\s*(?:["[{\]]|nil\b|null\b|true\b|false\b|-?\d+\s*[,\]])/;
const OBJECT = /^\s*\{\s*["}]/;

function readList(text: string, notation: ListNotation): Reading {
  if (text.trim() === "") return { value: [] };
  if (OBJECT.test(text)) return readObject(text);
  if (!ARRAY.test(text)) {
    const items = splitOutsideBraces(text);
    return items.length === 0 ? { problem: "is a list without items" } : { value: items };
  }
  // The components' templates put a blank behind a list: only such a text may have come through GitLab's interpolation.
  const isInput = text.endsWith("] ");
  const json = itemsOfJson(text);
  if (isInput && notation === "ruby") return itemsOfRuby(text) ?? unreadable(text);
  if (json !== null && (!isInput || notation === "json" || !text.includes("\\"))) return json;
  const ruby = itemsOfRuby(text);
  if (json === null) return ruby ?? unreadable(text);
  return ruby !== null && sameReading(json, ruby) ? json : unreadable(text);
}

function unreadable(text: string): Reading {
  const cause =
    /=>|[{,] ?\w+: /.test(text) && text.includes("{")
      ? 'one of its items is a map; a header is one text, "Name: value"'
      : text.includes("\\")
        ? "a backslash in it cannot be told from an escape"
        : "it begins like an array, but a quote, a bracket or a comma is missing or too many";
  return {
    problem: `cannot be read as a list: ${cause}. Where the value of a variable in it holds quotes or backslashes, set the whole list as a variable, in JSON`,
  };
}

function sameReading(a: Reading, b: Reading): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function parseJson(text: string): { readonly parsed: unknown } | null {
  try {
    return { parsed: JSON.parse(text) as unknown };
  } catch {
    return null;
  }
}

/** Null if the text is no JSON. */
function itemsOfJson(text: string): Reading | null {
  const json = parseJson(text);
  return json === null ? null : checkedItems(json.parsed as readonly unknown[]);
}

function checkedItems(items: readonly unknown[]): Reading {
  const texts: string[] = [];
  for (const [index, item] of items.entries()) {
    if (item === null || item === "") return { problem: `item ${index + 1} of the list is empty` };
    if (typeof item === "object") {
      const kind = Array.isArray(item) ? "a list" : "a map";
      return {
        problem: `item ${index + 1} of the list is ${kind}, not a text; a header is one text, "Name: value"`,
      };
    }
    texts.push(String(item));
  }
  return { value: texts };
}

function readObject(text: string): Reading {
  const json = parseJson(text);
  if (json === null) return { problem: "is no JSON object, although it begins like one" };
  const entries = Object.entries(json.parsed as Record<string, unknown>);
  const wrong = entries.find(([, value]) => typeof value === "object");
  if (wrong !== undefined) return { problem: `the value of ${JSON.stringify(wrong[0])} is no text` };
  return { value: entries.map(([key, value]) => `${key}: ${String(value)}`) };
}

/** Null if the text is something else, or could mean two things. */
function itemsOfRuby(text: string): Reading | null {
  const list = readRubyList(text.trim());
  return "items" in list ? checkedItems(list.items) : null;
}

/** Comma separated; a comma inside braces belongs to a glob or to JSON. Braces without their partner do not count. */
function splitOutsideBraces(text: string): string[] {
  const items: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "{") depth++;
    else if (character === "}") depth--;
    else if (character === "," && depth === 0) {
      items.push(text.slice(start, at));
      start = at + 1;
    }
    if (depth < 0) break;
  }
  const split = depth === 0 ? [...items, text.slice(start)] : text.split(",");
  return split.map((item) => item.trim()).filter((item) => item !== "");
}
