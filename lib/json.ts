/**
 * Reading JSON that a stranger wrote: each function gives a value of the type it names, or its absence. None throws.
 *
 * Fields are read by names that stand in the source. A name that comes from outside never becomes the key of a plain object, which
 * inherits `constructor`, `valueOf` and `__proto__`: such names go into a Map or a Set.
 */

export type Json = Readonly<Record<string, unknown>>;

/** The value if it is a JSON object; otherwise one without fields. */
export function object(value: unknown): Json {
  return isObject(value) ? value : {};
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

/** The first text that is not empty. */
export function text(...candidates: readonly unknown[]): string | null {
  for (const candidate of candidates) if (typeof candidate === "string" && candidate !== "") return candidate;
  return null;
}

/** The first whole number from 0 to 2^53: JSON.parse has lost digits of those above, and no id is better than a wrong one. */
export function count(...candidates: readonly unknown[]): number | null {
  for (const candidate of candidates)
    if (typeof candidate === "number" && Number.isSafeInteger(candidate) && candidate >= 0) return candidate;
  return null;
}

/** The value that the record itself has under a name, which may come from outside: nothing that every object inherits. */
export function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** The JSON value of a text; null if it is none. */
export function jsonOrNull(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch {
    return null;
  }
}
