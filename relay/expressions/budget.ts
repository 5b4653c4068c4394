/**
 * What an expression may spend on one event. Every node that is evaluated, every turn of a loop and every operator and function costs
 * what it does to its operands, told before it is done; an expression that spends more fails, whatever stands around it.
 *
 * The library evaluates a tree of nodes: each has `evaluate`, and those with operands a `handle` that gets their values. Both are
 * wrapped here, once, after the types were checked. A unit is about ten nanoseconds.
 */
import { compilePattern, patternProblem } from "../../lib/pattern.ts";

/** Units that one evaluation may spend: a tenth of a second or so. */
const MAX_UNITS = 10_000_000;
/** Levels that an operand may have, each the first element of the one around it. */
const MAX_DEPTH = 10;

/** What the library's syntax tree looks like to us. */
export interface Node {
  readonly op: string;
  readonly args: unknown;
  readonly meta: {
    readonly alternate?: Node;
    readonly macro?: Macro;
    readonly evaluate: (evaluator: unknown, node: unknown, context: unknown) => unknown;
  };
  evaluate: Node["meta"]["evaluate"];
  handle?: (...operands: unknown[]) => unknown;
}

interface Macro {
  readonly evaluate: Node["meta"]["evaluate"];
}

/** Thrown without a stack: loops may throw and catch it often before they end. */
class OverBudgetError extends Error {
  override readonly name = "OverBudgetError";
}

const OVER_BUDGET = withoutStack(
  () =>
    new OverBudgetError("takes too much time on this payload, which is larger than the expression can bear"),
);

/** What is left of the evaluation that runs; evaluations never overlap, as none of them waits. */
let left = 0;
/** The error that was paid for last: it passes through all nodes around the one that failed. */
let lastError: unknown = null;

/** Runs an evaluation within the budget; throws if it spends more, also if the expression itself took no notice. */
export function withinBudget<T>(evaluate: () => T): T {
  left = MAX_UNITS;
  const value = evaluate();
  spend(0);
  return value;
}

function spend(units: number): void {
  left -= units;
  if (left < 0) throw OVER_BUDGET;
}

/** The library writes the place of an error into its text, which takes as long as hundreds of nodes. */
function spendOnError(error: unknown): void {
  if (error === lastError || error === OVER_BUDGET) return;
  lastError = error;
  spend(5000);
}

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "op" in value && "args" in value;
}

/** Makes a checked tree count. Returns why it cannot be used; null: it can. */
export function meter(root: Node): string | null {
  const seen = new Set<Node>();
  const waiting = [root];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    waiting.push(...childrenOf(node));
    const problem = isCallOf(node, "matches") ? useSafePattern(node) : null;
    if (problem !== null) return problem;
    meterNode(node);
  }
  return null;
}

function childrenOf({ args, meta }: Node): Node[] {
  const macro = meta.macro === undefined ? [] : Object.values(meta.macro);
  const parts = isNode(args) || Array.isArray(args) ? [args] : Object.values(Object(args) as object);
  return [meta.alternate, ...macro, ...parts].flatMap(nodesIn);
}

/** Nodes, alone or in lists within lists. */
export function nodesIn(value: unknown): Node[] {
  if (isNode(value)) return [value];
  return Array.isArray(value) ? value.flatMap(nodesIn) : [];
}

function isCallOf(node: Node, name: string): boolean {
  return node.op === "rcall" && Array.isArray(node.args) && node.args[0] === name;
}

function meterNode(node: Node): void {
  const { alternate, macro, evaluate } = node.meta;
  const inner: Node["evaluate"] =
    alternate !== undefined
      ? (evaluator, _node, context) => alternate.evaluate(evaluator, alternate, context)
      : macro !== undefined
        ? (evaluator, _node, context) => macro.evaluate(evaluator, macro, context)
        : evaluate;
  node.evaluate = (evaluator, self, context) => {
    spend(5);
    try {
      return inner(evaluator, self, context);
    } catch (error) {
      spendOnError(error);
      throw error;
    }
  };
  const { handle } = node;
  const price = priceOf(node);
  if (handle === undefined || price === null) return;
  node.handle = (...operands) => {
    price(operands);
    return handle(...operands);
  };
}

type Price = (operands: readonly unknown[]) => void;

function priceOf(node: Node): Price | null {
  switch (node.op) {
    case "==":
    case "!=":
      return ([a, b]) => spendOnEquality(a, b);
    case "in":
      return ([a, b]) => spendOnSearch(a, b);
    case "+":
    case "<":
    case "<=":
    case ">":
    case ">=":
      return ([a, b]) => spend(sizeOf(a) / 4 + sizeOf(b) / 4);
    case "call":
    case "rcall":
      return ([operands]) => spendOnCall(String((node.args as unknown[])[0]), operands as unknown[]);
    case "comprehension": {
      const args = node.args as { condition?: (value: unknown) => unknown };
      const { condition } = args;
      // A quantifier goes on over errors: it has to be told that there is nothing left to go on with.
      if (condition !== undefined) {
        args.condition = (value) => {
          spend(0);
          return condition(value);
        };
      }
      return ([items]) => spend(sizeOf(items) * 10);
    }
    default:
      return null;
  }
}

/** Units of going over a value once, not into its elements but the first ones, by which the library tells its type. */
function sizeOf(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) return 1;
  let size = 0;
  let depth = 0;
  for (let inner: unknown = value; typeof inner === "object" && inner !== null;) {
    // The library keeps a name for each type that it sees.
    if (++depth > MAX_DEPTH) return Number.POSITIVE_INFINITY;
    if (Array.isArray(inner)) {
      size += 1 + inner.length;
      inner = inner[0];
    } else {
      const keys = Object.keys(inner);
      size += 1 + unitsOfKeys(keys.length);
      inner = (inner as Record<string, unknown>)[String(keys[0])];
    }
  }
  return size;
}

/** Objects with many keys are hash tables, whose keys are sorted each time somebody asks for them. */
function unitsOfKeys(count: number): number {
  return count * (count > 512 ? 100 : 10);
}

/** Of going into everything that a value holds. */
function spendOnAll(value: unknown): void {
  const waiting = [value];
  while (waiting.length > 0) {
    const inner = waiting.pop();
    spend(typeof inner === "string" ? 1 + inner.length / 10 : 2);
    if (typeof inner !== "object" || inner === null) continue;
    const parts = Object.values(inner);
    if (!Array.isArray(inner)) spend(unitsOfKeys(parts.length));
    for (const part of parts) waiting.push(part);
  }
}

function spendOnEquality(a: unknown, b: unknown): void {
  for (const side of [a, b]) spend(typeof side === "string" ? side.length / 10 : sizeOf(side));
  if (typeof a === "object" && typeof b === "object" && a !== null && b !== null) {
    spendOnAll(a);
    spendOnAll(b);
  }
}

function spendOnSearch(wanted: unknown, list: unknown): void {
  spend(sizeOf(wanted) + sizeOf(list));
  if (!Array.isArray(list)) return;
  if (typeof wanted === "object" && wanted !== null) {
    spendOnAll(list);
    spend(list.length * sizeOf(wanted));
  } else if (typeof wanted === "string") {
    for (const item of list)
      if (typeof item === "string" && item.length === wanted.length) spend(item.length / 10);
  }
}

/** Functions that look for one text in another: in the worst case at each place anew. */
const SEARCHES: ReadonlySet<string> = new Set(["contains", "indexOf", "lastIndexOf", "split"]);

function spendOnCall(name: string, operands: readonly unknown[]): void {
  spend(operands.reduce((sum: number, operand) => sum + sizeOf(operand), 10));
  const [text, other] = operands;
  if (SEARCHES.has(name) && typeof text === "string" && typeof other === "string") {
    spend((text.length * other.length) / 15);
  }
  if (name === "join") spendOnAll(text);
  // Time zones are looked up by name; the library reads durations with an expression that goes back.
  if (name.startsWith("get") && typeof other === "string") spend(5000);
  if (name === "duration" && typeof text === "string") spend(text.length ** 3);
}

/** `matches` of RE2, in place of the library's, with a pattern that is known before. */
function useSafePattern(node: Node): string | null {
  const [, , [pattern]] = node.args as [string, Node, readonly Node[]];
  if (pattern?.op !== "value" || typeof pattern.args !== "string") {
    return "the pattern of matches() has to be written out";
  }
  const problem = patternProblem(pattern.args);
  if (problem !== null) return `matches(): ${problem}`;
  const compiled = compilePattern(pattern.args);
  node.handle = (operands) => {
    const [text] = operands as unknown[];
    if (typeof text !== "string") throw new TypeError("matches() is for texts");
    spend(text.length * (2 + compiled.steps / 4));
    return compiled.test(text);
  };
  return null;
}

function withoutStack<T>(make: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
