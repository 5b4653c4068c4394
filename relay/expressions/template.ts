/**
 * Texts with expressions in them: `MR !{{ body.object_attributes.iid }}`. What stands in `{{ }}` is an expression, see
 * routing/expression.ts; its value becomes text, lists and maps become JSON, null becomes nothing.
 */
import { compileExpression, type Expression, type Scope } from "./expression.ts";

export interface Template {
  /** The text; throws where the payload lacks what is asked for. */
  text(scope: Scope): string;
  /** Where the whole template is one expression: its value as JSON would have it. Else the text. */
  value(scope: Scope): unknown;
}

export type CompiledTemplate = { readonly template: Template } | { readonly problem: string };

export function compileTemplate(source: string): CompiledTemplate {
  const parts: (string | Expression)[] = [];
  let from = 0;
  for (const found of source.matchAll(/\{\{(.*?)\}\}/gs)) {
    if (found.index > from) parts.push(source.slice(from, found.index));
    from = found.index + found[0].length;
    const compiled = compileExpression((found[1] ?? "").trim(), "any");
    if ("problem" in compiled) return { problem: `${found[0]}: ${compiled.problem}` };
    parts.push(compiled.expression);
  }
  const rest = source.slice(from);
  if (rest.includes("{{")) return { problem: "{{ without }}" };
  if (rest !== "") parts.push(rest);
  const evaluate = (part: string | Expression, scope: Scope): unknown =>
    typeof part === "string" ? part : plain(part.evaluate(scope));
  const text = (scope: Scope): string => parts.map((part) => asText(evaluate(part, scope))).join("");
  const [only] = parts;
  const value = (scope: Scope): unknown =>
    parts.length === 1 && only !== undefined ? evaluate(only, scope) : text(scope);
  return { template: { text, value } };
}

/** CEL's integers are bigints. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  return Array.isArray(value) ? value.map(plain) : value;
}

function asText(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
