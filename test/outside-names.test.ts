/**
 * Names that come from outside are never keys of plain objects: `__proto__`, `constructor` and `valueOf` are found in every one of
 * them. TypeScript lets a text index only what has an index signature; so every such object that is indexed by something that is
 * not written out has to be a Map, to have no prototype, to be asked with Object.hasOwn(), or to stand in the list below.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync, type Node } from "oxc-parser";
import { expect, test } from "vitest";

const root = new URL("..", import.meta.url).pathname;

/** How an expression ends -> why its keys are not names from outside, or why the object has no prototype. */
const REVIEWED: readonly (readonly [end: string, why: string])[] = [
  ["env[name]", "variables that the source names"],
  ["env[`${name}_FILE`]", "variables that the source names"],
  ["env[name.toLowerCase()]", "variables that the source names"],
  ["env[row.env]", "variables that the options name"],
  ["env[row.fallback]", "variables that the options name"],
  ["headers[name]", "headers that the source names, or that they have themselves"],
  ["overrides[i]?.targets[name]", "asked with Object.hasOwn() before"],
  ["body[name]", "fields that the source names"],
  ["STATE_WORDS[state]", "states of the queue"],
  ["changes[name]", "parameters that the source names"],
  ["page[author]", "pages have no prototype"],
  ['page[author ?? ""]', "pages have no prototype"],
  ["kept[name]", "names that a pattern allows"],
  ["rounds[round]", "an instance and a group"],
  ["levels?.[round]", "an instance and a group"],
  ["looks?.[round]", "an instance and a group"],
  ["hook[attribute]", "attributes that the source names"],
  ["result[name]", "names that a pattern allows"],
  ["values[row.key]", "options that the table names"],
  ["UNIT_MS[span[2] as string]", "letters that a pattern allows"],
  ["logs[work.place.level]", "project or group"],
  ["logs[place.level]", "project or group"],
  ["state.logs[key]", "keys with a slash"],
  ["state.logs[`${host}/${id}`]", "keys with a slash"],
  ["[String(keys[0])]", "a name that the object itself has"],
  ["escapes[c]", "characters that a pattern allows"],
];

interface Parsed {
  readonly file: string;
  readonly text: string;
  readonly program: Node;
}

function sources(): Parsed[] {
  return ["lib", "relay", "component"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .map((path) => parsed(join(folder, path), readFileSync(join(root, folder, path), "utf8"))),
  );
}

function parsed(file: string, text: string): Parsed {
  return { file, text, program: parseSync(file, text).program as Node };
}

function visit(
  node: Node,
  parents: readonly Node[],
  see: (node: Node, parents: readonly Node[]) => void,
): void {
  see(node, parents);
  const inner = [...parents, node];
  for (const value of Object.values(node))
    for (const child of Array.isArray(value) ? value : [value])
      if (typeof child === "object" && child !== null && "type" in child) visit(child as Node, inner, see);
}

/** Names of types that a text may index. */
function indexedTypes(all: readonly Parsed[]): Set<string> {
  const names = new Set(["Record"]);
  for (let before = 0; before < names.size;) {
    before = names.size;
    for (const { program } of all)
      visit(program, [], (node) => {
        if (node.type === "TSTypeAliasDeclaration" && isIndexed(node.typeAnnotation, names))
          names.add(node.id.name);
        if (
          node.type === "TSInterfaceDeclaration" &&
          node.body.body.some((one) => one.type === "TSIndexSignature")
        )
          names.add(node.id.name);
      });
  }
  return names;
}

function isIndexed(type: Node, names: ReadonlySet<string>): boolean {
  switch (type.type) {
    case "TSTypeReference": {
      const name = type.typeName.type === "Identifier" ? type.typeName.name : "";
      const [first] = type.typeArguments?.params ?? [];
      if (name === "Record") return first?.type === "TSStringKeyword";
      if (name === "Readonly" || name === "Partial") return first !== undefined && isIndexed(first, names);
      return names.has(name);
    }
    case "TSTypeLiteral":
      return type.members.some((one) => one.type === "TSIndexSignature");
    case "TSUnionType":
    case "TSIntersectionType":
      return type.types.some((one) => isIndexed(one, names));
    default:
      return false;
  }
}

/** `file: expression` of every index of such an object by what is not written out. */
function findings(all: readonly Parsed[]): string[] {
  const types = indexedTypes(all);
  const properties = new Set<string>();
  for (const { program } of all)
    visit(program, [], (node) => {
      if (node.type === "TSPropertySignature" || node.type === "PropertyDefinition") {
        const type = node.typeAnnotation?.typeAnnotation;
        if (type && node.key.type === "Identifier" && isIndexed(type, types)) properties.add(node.key.name);
      }
      if (node.type === "Property" && node.key.type === "Identifier" && isRecordSchema(node.value))
        properties.add(node.key.name);
    });
  return all.flatMap(({ file, text, program }) => {
    const variables = new Set<string>();
    visit(program, [], (node) => {
      if (node.type !== "Identifier") return;
      const type = "typeAnnotation" in node ? node.typeAnnotation?.typeAnnotation : undefined;
      if (type && isIndexed(type, types)) variables.add(node.name);
    });
    const found: string[] = [];
    visit(program, [], (node, parents) => {
      if (node.type !== "MemberExpression" || !node.computed || isWrittenOut(node.property)) return;
      const base = withoutCasts(node.object);
      const isOne =
        (base.type === "Identifier" && variables.has(base.name)) ||
        (base.type === "MemberExpression" &&
          !base.computed &&
          base.property.type === "Identifier" &&
          properties.has(base.property.name)) ||
        castsOf(node.object).some((type) => isIndexed(type, types));
      if (!isOne) return;
      const around =
        parents.findLast(({ type }) => /Function|ArrowFunction|MethodDefinition/.test(type)) ?? program;
      const code = text.slice(around.start, around.end);
      if (/Object\.hasOwn\(|Object\.create\(null\)/.test(code)) return;
      found.push(`${file}: ${text.slice(node.start, node.end).replace(/\s+/g, " ")}`);
    });
    return found;
  });
}

/** `z.record(...)`, with what follows it. */
function isRecordSchema(node: Node): boolean {
  if (node.type !== "CallExpression" || node.callee.type !== "MemberExpression") return false;
  const { object, property } = node.callee;
  const isRecord = property.type === "Identifier" && property.name === "record";
  return (isRecord && object.type === "Identifier" && object.name === "z") || isRecordSchema(object);
}

function isWrittenOut(property: Node): boolean {
  return (
    property.type === "Literal" ||
    (property.type === "TemplateLiteral" && property.expressions.length === 0) ||
    property.type === "BinaryExpression"
  );
}

/** Types that an expression is cast to, the outermost first. */
function castsOf(node: Node): Node[] {
  if (node.type === "ParenthesizedExpression") return castsOf(node.expression);
  return node.type === "TSAsExpression" ? [node.typeAnnotation, ...castsOf(node.expression)] : [];
}

function withoutCasts(node: Node): Node {
  return node.type === "TSAsExpression" ||
    node.type === "TSNonNullExpression" ||
    node.type === "ParenthesizedExpression"
    ? withoutCasts(node.expression)
    : node;
}

function isEndOf(end: string, expression: string): boolean {
  return expression.endsWith(end) && !/\w/.test(expression.at(-end.length - 1) ?? "");
}

const CASES = `
interface Facts { readonly byName: Record<string, number>; readonly own: Record<"a" | "b", number> }
type Words = { [word: string]: string };
const words: Words = {};
const schema = z.object({ targets: z.record(z.string(), z.string()).default({}) });
const map = new Map<string, string>();
export const read = (facts: Facts, name: "a", config: Config) => [
  facts.byName[name],
  words[name],
  (facts as Record<string, unknown>)[name],
  config.targets[name],
  facts.own[name],
  facts.byName["a"],
  map.get(name),
];
export const careful = (facts: Facts, name: string) => Object.hasOwn(facts.byName, name) && facts.byName[name];
`;

test("the check finds what a text may index, and nothing else", () => {
  expect(findings([parsed("cases.ts", CASES)])).toEqual([
    "cases.ts: facts.byName[name]",
    "cases.ts: words[name]",
    "cases.ts: (facts as Record<string, unknown>)[name]",
    "cases.ts: config.targets[name]",
  ]);
});

test("no plain object is indexed by names from outside", () => {
  expect(findings(sources()).filter((one) => !REVIEWED.some(([end]) => isEndOf(end, one)))).toEqual([]);
});
