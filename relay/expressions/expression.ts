/**
 * Small expressions over an event, for `when:` rules and `{{ templates }}`: CEL (https://cel.dev), evaluated by
 * @marcbachmann/cel-js. They cannot loop for ever, call out, or see anything but `event` and `body`.
 *
 * Time is bounded twice: a loop within a loop may only run over what belongs to the outer loop's element
 * (`body.commits.exists(c, c.modified.exists(f, ...))`), which is told when the expression is read, and each evaluation has a budget
 * from which every operator and function pays for the size of its operands, see budget.ts. Regular expressions are RE2's.
 */
import { Environment, type ParseResult } from "@marcbachmann/cel-js";
import { messageOf } from "../../lib/errors.ts";
import type { EventMeta } from "../event/event.ts";
import { viewOf } from "../event/view.ts";
import { isNode, meter, nodesIn, withinBudget, type Node } from "./budget.ts";

/** Longest expression in characters. */
const MAX_LENGTH = 4096;

const environment = new Environment({
  unlistedVariablesAreDyn: false,
  homogeneousAggregateLiterals: false,
  enableOptionalTypes: true,
  limits: {
    maxAstNodes: 2000,
    maxDepth: 100,
    maxListElements: 1000,
    maxMapEntries: 100,
    maxCallArguments: 8,
  },
})
  .registerVariable("event", "map")
  .registerVariable("body", "map");

/** What an expression sees. */
export interface Scope {
  readonly event: Readonly<Record<string, unknown>>;
  /** The payload; empty if it is not a JSON object. */
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Expression {
  readonly text: string;
  /** Whether it says the same for every event. */
  readonly constant: boolean;
  /** The value; throws if the payload lacks what is asked for, and beyond the budget. */
  evaluate(scope: Scope): unknown;
}

export type Compiled = { readonly expression: Expression } | { readonly problem: string };

/** @param wanted what it has to result in: `bool` for rules, `any` for templates */
export function compileExpression(text: string, wanted: "bool" | "any"): Compiled {
  if (text.length > MAX_LENGTH)
    return { problem: `is ${text.length} characters long, limit is ${MAX_LENGTH}` };
  let parsed: ParseResult;
  try {
    parsed = environment.parse(text);
  } catch (error) {
    return { problem: firstLine(error) };
  }
  const checked = parsed.check();
  if (!checked.valid) return { problem: firstLine(checked.error) };
  if (wanted === "bool" && checked.type !== "bool" && checked.type !== "dyn") {
    return { problem: `results in ${String(checked.type)}, not in true or false` };
  }
  const walk: Walk = { usesEvent: false, problem: null };
  const root = parsed.ast as unknown as Node;
  visit(root, [], walk);
  const problem = walk.problem ?? meter(root);
  if (problem !== null) return { problem };
  const evaluate = (scope: Scope): unknown =>
    withinBudget(() => parsed(scope as unknown as Record<string, unknown>));
  return { expression: { text, constant: !walk.usesEvent, evaluate } };
}

function firstLine(error: unknown): string {
  return messageOf(error).split("\n")[0] ?? "cannot be read";
}

interface Walk {
  usesEvent: boolean;
  problem: string | null;
}

const LOOPS: ReadonlySet<unknown> = new Set(["all", "exists", "exists_one", "map", "filter"]);
const REFUSED: ReadonlyMap<unknown, string> = new Map([["bind", "cel.bind() is not available"]]);

/** @param loops variables of the loops around the node, outermost first */
function visit(node: Node, loops: readonly string[], walk: Walk): void {
  const args = Array.isArray(node.args) ? (node.args as readonly unknown[]) : [];
  if (node.op === "id" && (node.args === "event" || node.args === "body")) walk.usesEvent = true;
  const isCheapSet = isWrittenOut(args[1]) || belongsTo(loops, args[1]);
  if (node.op === "in" && loops.length > 0 && !isCheapSet) {
    walk.problem ??= `within a loop, "in" may only look into a list that is written out or belongs to the loop's element`;
  }
  if (node.op === "rcall" || node.op === "call") {
    const [name] = args;
    const refused = REFUSED.get(name);
    if (refused !== undefined) walk.problem ??= refused;
    if (node.op === "rcall" && LOOPS.has(name)) {
      visitLoop(args, loops, walk);
      return;
    }
  }
  for (const child of nodesIn(node.args)) visit(child, loops, walk);
}

function visitLoop(args: readonly unknown[], loops: readonly string[], walk: Walk): void {
  const [name, over, inner] = args as [string, Node, readonly Node[]];
  if (loops.length > 0 && !belongsTo(loops, over)) {
    walk.problem ??= `${name}() within a loop may only run over what belongs to the loop's element`;
  }
  visit(over, loops, walk);
  const variable = String(inner[0]?.args);
  for (const child of inner.slice(1)) visit(child, [...loops, variable], walk);
}

/** The variable at the start of a path such as `c.modified`; null if it is not a plain path. */
function rootOf(node: unknown): string | null {
  if (!isNode(node)) return null;
  const args = Array.isArray(node.args) ? (node.args as readonly unknown[]) : [];
  switch (node.op) {
    case "id":
      return String(node.args);
    case ".":
    case ".?":
    case "[]":
    case "[?]":
      return rootOf(args[0]);
    case "rcall":
      return args[0] === "filter" || args[0] === "orValue" ? rootOf(args[1]) : null;
    default:
      return null;
  }
}

function isWrittenOut(node: unknown): boolean {
  return isNode(node) && node.op === "list";
}

/** Whether it is part of the elements that the loops are at: a path from one, or several joined by `+`. */
function belongsTo(loops: readonly string[], node: unknown): boolean {
  if (isNode(node) && node.op === "+") return nodesIn(node.args).every((part) => belongsTo(loops, part));
  const root = rootOf(node);
  return root !== null && loops.includes(root);
}

/** What expressions know of an event beside its payload. Names are part of the documented settings. */
export function scopeOf(meta: EventMeta, body: unknown): Scope {
  const isObject = typeof body === "object" && body !== null && !Array.isArray(body);
  return {
    event: { kind: meta.kind, name: meta.eventName, ...viewOf(meta) },
    body: isObject ? (body as Record<string, unknown>) : {},
  };
}
