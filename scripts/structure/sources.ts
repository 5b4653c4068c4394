/**
 * What the sources import and export, read from their syntax trees: the facts that the architecture test and the printed counts rest
 * on. oxc-parser reads the TypeScript that we write, type imports included; dependency-cruiser 18 refuses Node 20, our floor.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseSync, type Node, type ParseResult } from "oxc-parser";

/** More than this become an object. */
export const MOST_PARAMETERS = 4;

const root = fileURLToPath(new URL("../../", import.meta.url));

/** One import, export-from or import() of a file. */
export interface Import {
  /** As written. */
  readonly specifier: string;
  /** The imported file, seen from the root; null for packages and built-in modules. */
  readonly file: string | null;
  /** Whether it brings types alone, and is gone at run time. */
  readonly isType: boolean;
}

export interface Source {
  /** Path from the root, with forward slashes. */
  readonly file: string;
  readonly imports: readonly Import[];
  /** Names that this file declares and exports; re-exports are left out. */
  readonly exports: readonly string[];
  /** Whether it uses the global `process`, by a dot, in brackets or taken apart. */
  readonly usesProcess: boolean;
  /** Number of `switch` statements and comparisons that ask for the storage driver. */
  readonly driverSwitches: number;
  /** Functions, methods and their types with more than MOST_PARAMETERS, as `line name (count)`. */
  readonly longSignatures: readonly string[];
}

/** Path and text of every TypeScript file below the folder. */
export function readTexts(folder: string): { readonly file: string; readonly text: string }[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => join(folder, path))
    .map((file) => ({ file, text: readFileSync(join(root, file), "utf8") }));
}

/** Every TypeScript file below the folder, read. */
export function readSources(folder: string): Source[] {
  return readTexts(folder).map(({ file, text }) => parseSource(file, text));
}

/** @throws SyntaxError if the text is no TypeScript */
export function parseSource(file: string, text: string): Source {
  const { program, module } = parse(file, text);
  const imports = module.staticImports.map(({ moduleRequest, entries }) =>
    importOf(file, moduleRequest.value, entries.length > 0 && entries.every((entry) => entry.isType)),
  );
  for (const { entries } of module.staticExports)
    for (const { moduleRequest, isType } of entries)
      if (moduleRequest) imports.push(importOf(file, moduleRequest.value, isType));
  for (const { moduleRequest } of module.dynamicImports) {
    const literal = text.slice(moduleRequest.start, moduleRequest.end);
    if (/^"[^"]*"$/.test(literal)) imports.push(importOf(file, literal.slice(1, -1), false));
  }
  const found = { usesProcess: false, driverSwitches: 0 };
  const longSignatures: string[] = [];
  visit(program, null, (node, parent) => {
    if (node.type === "TSImportType" && node.source.type === "Literal")
      imports.push(importOf(file, String(node.source.value), true));
    if (isProcess(node, parent)) found.usesProcess = true;
    if (asksForDriver(node)) found.driverSwitches += 1;
    if ("params" in node && Array.isArray(node.params) && node.params.length > MOST_PARAMETERS)
      longSignatures.push(`${lineOf(text, node.start)} ${nameOf(node, parent)} (${node.params.length})`);
  });
  return { file, imports, exports: declaredExports(program), ...found, longSignatures };
}

/** @throws SyntaxError if the text is no TypeScript */
export function parse(file: string, text: string): ParseResult {
  const result = parseSync(file, text);
  if (result.errors.length > 0) throw new SyntaxError(`${file}: ${result.errors[0]?.message}`);
  return result;
}

function importOf(file: string, specifier: string, isType: boolean): Import {
  const target = specifier.startsWith(".") ? relative(root, join(root, dirname(file), specifier)) : null;
  return { specifier, file: target, isType };
}

/** A use of the global object: not a property of that name and not the key of a literal. */
function isProcess(node: Node, parent: Node | null): boolean {
  if (node.type !== "Identifier" || node.name !== "process") return false;
  if (parent?.type === "MemberExpression") return parent.object === node || parent.computed;
  if (parent?.type === "TSPropertySignature") return false;
  return parent?.type !== "Property" || parent.value === node;
}

const isDriver = (node: Node): boolean =>
  (node.type === "Identifier" && node.name === "driver") ||
  (node.type === "MemberExpression" &&
    node.property.type === "Identifier" &&
    node.property.name === "driver");

function asksForDriver(node: Node): boolean {
  if (node.type === "SwitchStatement") return isDriver(node.discriminant);
  return (
    node.type === "BinaryExpression" &&
    ["===", "!=="].includes(node.operator) &&
    [node.left, node.right].some((side) => isDriver(side)) &&
    [node.left, node.right].some((side) => side.type === "Literal" && typeof side.value === "string")
  );
}

function declaredExports(program: { readonly body: readonly Node[] }): string[] {
  return program.body.flatMap((node) => {
    if (node.type !== "ExportNamedDeclaration" || node.declaration === null) return [];
    const { declaration } = node;
    if (declaration.type === "VariableDeclaration")
      return declaration.declarations.flatMap(({ id }) => (id.type === "Identifier" ? [id.name] : []));
    return "id" in declaration && declaration.id?.type === "Identifier" ? [declaration.id.name] : [];
  });
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

/** Of a function: its own name, or that of the variable, the method or the property that holds it. */
function nameOf(node: Node, parent: Node | null): string {
  for (const named of [node, parent]) {
    if (named === null) continue;
    const name = ("id" in named ? named.id : null) ?? ("key" in named ? named.key : null);
    if (name !== null && "name" in name) return String(name.name);
  }
  return "without a name";
}

/** Calls with each node and its parent, from the outside in. */
export function visit(node: Node, parent: Node | null, see: (node: Node, parent: Node | null) => void): void {
  see(node, parent);
  for (const value of Object.values(node))
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) visit(child, node, see);
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";
