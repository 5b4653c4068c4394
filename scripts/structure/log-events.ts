/**
 * The log events of the relay, read from the calls that write them: their level, their fields, and what breaks the rules for their
 * names. An event that is put together at run time cannot be listed, so that it counts as a broken rule.
 */
import type { Node } from "oxc-parser";
import { parse, visit } from "./sources.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;
export type Level = (typeof LEVELS)[number];

export interface LogEvent {
  readonly name: string;
  readonly level: Level;
  /** Names of the fields beside time, level and event, in the order of writing. */
  readonly fields: readonly string[];
  readonly file: string;
}

export interface LogEvents {
  readonly events: readonly LogEvent[];
  /** One line for each broken rule, with its place. */
  readonly problems: readonly string[];
}

/** Lower case, words joined by hyphens, at least two parts: `queue.settle-failed`. */
const NAME = /^[a-z]+(-[a-z]+)*(\.[a-z]+(-[a-z]+)*)+$/;

/** @throws SyntaxError if the text is no TypeScript */
export function logEventsOf(file: string, text: string): LogEvents {
  const events: LogEvent[] = [];
  const problems: string[] = [];
  visit(parse(file, text).program, null, (node) => {
    const call = logCall(node);
    if (call === null) return;
    const [nameNode, fieldsNode] = call.args;
    const names = nameNode === undefined ? [] : literals(nameNode);
    if (names.length === 0) problems.push(`${file}: a log event is not written as a literal`);
    const { fields, errorIsReason } = fieldsOf(fieldsNode);
    if (errorIsReason)
      problems.push(`${file}: ${names.join()} has the error's text in "reason"; use "error"`);
    for (const name of names) {
      if (!NAME.test(name)) problems.push(`${file}: ${name} is not lower case with dots and hyphens`);
      events.push({ name, level: call.level, fields, file });
    }
  });
  return { events, problems };
}

function logCall(node: Node): { readonly level: Level; readonly args: readonly Node[] } | null {
  if (node.type !== "CallExpression" || node.callee.type !== "MemberExpression") return null;
  const { object, property } = node.callee;
  const level = property.type === "Identifier" ? LEVELS.find((name) => name === property.name) : undefined;
  if (level === undefined || !isLog(object)) return null;
  return { level, args: node.arguments };
}

/** `log`, `deps.log`, `this.#log`, `(log as Log)`: whatever is called log. */
function isLog(node: Node): boolean {
  if (node.type === "Identifier") return node.name === "log";
  if (node.type === "MemberExpression")
    return (
      (node.property.type === "Identifier" || node.property.type === "PrivateIdentifier") &&
      node.property.name === "log"
    );
  return false;
}

/** The strings that an expression may be: a literal, or either side of a condition. */
function literals(node: Node): string[] {
  if (node.type === "Literal" && typeof node.value === "string") return [node.value];
  if (node.type === "ConditionalExpression") return [node.consequent, node.alternate].flatMap(literals);
  return [];
}

/** `messageOf(thrown)` or `error.message`. */
function isErrorText(value: Node): boolean {
  if (value.type === "CallExpression")
    return value.callee.type === "Identifier" && value.callee.name === "messageOf";
  return (
    value.type === "MemberExpression" &&
    value.property.type === "Identifier" &&
    value.property.name === "message" &&
    value.object.type === "Identifier" &&
    value.object.name === "error"
  );
}

function fieldsOf(node: Node | undefined): { readonly fields: string[]; readonly errorIsReason: boolean } {
  if (node?.type !== "ObjectExpression") return { fields: [], errorIsReason: false };
  const fields: string[] = [];
  let errorIsReason = false;
  for (const property of node.properties) {
    if (property.type !== "Property" || property.key.type !== "Identifier") continue;
    fields.push(property.key.name);
    const { value } = property;
    if (property.key.name === "reason" && isErrorText(value)) errorIsReason = true;
  }
  return { fields, errorIsReason };
}
