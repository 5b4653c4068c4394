/** Parameters as Rack and Grape read them: nested names in forms, and types out of texts. Pure. */

export type Json = Record<string, unknown>;

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `custom_headers[][key]=X` and its like. */
export function parseNested(pairs: URLSearchParams): Json {
  const result: Json = {};
  for (const [name, value] of pairs) {
    const head = /^[^[]*/.exec(name)?.[0] ?? name;
    const rest = [...name.slice(head.length).matchAll(/\[([^\]]*)\]/g)].map((match) => match[1] ?? "");
    store(result, head, rest, value);
  }
  return result;
}

function store(target: Json, key: string, rest: readonly string[], value: string): void {
  const [next, ...further] = rest;
  if (next === undefined) {
    target[key] = value;
    return;
  }
  if (next !== "") {
    if (!isObject(target[key])) target[key] = {};
    store(target[key] as Json, next, further, value);
    return;
  }
  if (!Array.isArray(target[key])) target[key] = [];
  const list = target[key] as unknown[];
  const [field, ...deeper] = further;
  if (field === undefined) {
    list.push(value);
    return;
  }
  const last = list.at(-1);
  const element: Json = isObject(last) && !(field in last) ? last : {};
  if (element !== last) list.push(element);
  store(element, field, deeper, value);
}

export function mergeParams(first: Json, second: Json): Json {
  return { ...first, ...second };
}

/** A Boolean parameter: undefined where it is absent, null where it is null, `"invalid"` where it is neither. */
export function booleanOf(value: unknown): boolean | null | undefined | "invalid" {
  if (value === undefined || typeof value === "boolean") return value;
  if (value === null || value === "") return null;
  if (["true", "t", "1", "on", "yes"].includes(String(value).toLowerCase())) return true;
  if (["false", "f", "0", "off", "no"].includes(String(value).toLowerCase())) return false;
  return "invalid";
}

/** A whole number; null where the text is none. */
export function integerOf(value: unknown): number | null {
  if (typeof value === "number") return Number.isInteger(value) ? value : null;
  return typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : null;
}

/** A text parameter; numbers and booleans become text. */
export function textOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  return typeof value === "object" ? JSON.stringify(value) : String(value as string | number | boolean);
}
