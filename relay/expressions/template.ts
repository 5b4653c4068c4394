/**
 * Texts with expressions in them: `MR !{{ body.object_attributes.iid }}`. What stands in `{{ }}` is an expression, see
 * expression.ts; its value becomes text, lists and maps become JSON, null becomes nothing.
 */
import type { EventMeta } from "../event/event.ts";
import { linkOf } from "../event/link.ts";
import { sentence } from "../event/sentence.ts";
import { compileExpression, scopeOf, type Expression, type Scope } from "./expression.ts";

export interface Template {
  /** The text; throws if the payload lacks what is asked for. @param escape applied to what each expression gives */
  text(scope: Scope, escape?: (text: string) => string): string;
  /** Where the whole template is one expression: its value as JSON would have it. Else the text. */
  value(scope: Scope): unknown;
}

/** Behind so many characters no end of an expression is looked for. */
const MAX_EXPRESSION = 4096;

export type CompiledTemplate = { readonly template: Template } | { readonly problem: string };

export function compileTemplate(source: string): CompiledTemplate {
  const parts: (string | Expression)[] = [];
  let from = 0;
  for (let start = source.indexOf("{{"); start >= 0; start = source.indexOf("{{", from)) {
    if (start > from) parts.push(source.slice(from, start));
    const read = readExpression(source, start);
    if ("problem" in read) return read;
    parts.push(read.expression);
    from = read.end;
  }
  if (from < source.length) parts.push(source.slice(from));
  const evaluate = (part: string | Expression, scope: Scope): unknown =>
    typeof part === "string" ? part : plain(part.evaluate(scope));
  const text = (scope: Scope, escape = same): string =>
    parts.map((part) => (typeof part === "string" ? part : escape(asText(evaluate(part, scope))))).join("");
  const [only] = parts;
  const value = (scope: Scope): unknown =>
    parts.length === 1 && only !== undefined ? evaluate(only, scope) : text(scope);
  return { template: { text, value } };
}

/**
 * The expression that begins with `{{` at `start`. It ends at the first `}}` that makes sense: maps within maps end so as well.
 * @returns `end`: the place behind it
 */
function readExpression(
  source: string,
  start: number,
): { readonly expression: Expression; readonly end: number } | { readonly problem: string } {
  let first: string | null = null;
  for (let close = source.indexOf("}}", start); close >= 0; close = source.indexOf("}}", close + 1)) {
    const text = source.slice(start + 2, close);
    if (text.length > MAX_EXPRESSION && first !== null) break;
    const compiled = compileExpression(text.trim(), "any");
    if ("expression" in compiled) return { expression: compiled.expression, end: close + 2 };
    first ??= `${source.slice(start, close + 2)}: ${compiled.problem}`;
  }
  return { problem: first ?? "{{ without }}" };
}

/** CEL's integers are bigints, and its maps may be Maps. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return fieldsOf([...value]);
  const isRecord = typeof value === "object" && value !== null && isPlainObject(value);
  return isRecord ? fieldsOf(Object.entries(value)) : value;
}

const same = (text: string): string => text;

function fieldsOf(entries: readonly (readonly [unknown, unknown])[]): Record<string, unknown> {
  return Object.fromEntries(entries.map(([name, field]) => [String(name), plain(field)]));
}

function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** What a template knows of an event: what a rule knows, and the event told in one sentence with the page of GitLab that it is about. */
export function templateScope(meta: EventMeta, payload: unknown): Scope {
  const { event, body } = scopeOf(meta, payload);
  return { body, event: { ...event, sentence: sentence(meta, body), url: linkOf(meta, body) } };
}

function asText(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
