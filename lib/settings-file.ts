/** The text of a settings file (YAML): its values, and where in the text each of them is. */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
} from "yaml";
import { messageOf, type Problem } from "./errors.ts";
import { isObject } from "./json.ts";

export interface SettingsFile {
  readonly path: string;
  readonly text: string;
}

export interface ParsedFile {
  /** Empty if there are problems. */
  readonly tree: Record<string, unknown>;
  readonly problems: readonly Problem[];
  /** `file:line:column` of a setting, or of the nearest one around it; null: not in the file. */
  readonly placeOf: (path: readonly string[]) => string | null;
}

export const NO_FILE: ParsedFile = { tree: {}, problems: [], placeOf: () => null };

export function parseSettingsFile(file: SettingsFile): ParsedFile {
  const lines = new LineCounter();
  const document = parseDocument(file.text, { lineCounter: lines, prettyErrors: false });
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file.path}:${line}:${col}`;
  };
  const failed = (problems: readonly Problem[]): ParsedFile => ({ ...NO_FILE, problems });
  if (document.errors.length > 0)
    return failed(document.errors.map(({ pos, message }) => ({ path: place(pos[0]), message })));
  const cyclic = selfReferences(document);
  if (cyclic.length > 0)
    return failed(
      cyclic.map(({ name, offset }) => ({
        path: place(offset),
        message: `the alias *${name} refers to what contains it; write the value out`,
      })),
    );
  try {
    const content: unknown = document.toJS({ maxAliasCount: 100 });
    if (content !== null && content !== undefined && !isObject(content))
      return failed([{ path: file.path, message: "must be a mapping of settings" }]);
    return {
      tree: { ...content },
      problems: [],
      placeOf(path) {
        const offset = offsetOf(document, path);
        return offset === null ? null : place(offset);
      },
    };
  } catch (error) {
    return failed([{ path: file.path, message: messageOf(error) }]);
  }
}

/** The aliases that stand inside their own anchor: a value without an end, which YAML permits and settings cannot hold. */
function selfReferences(document: Document.Parsed): { readonly name: string; readonly offset: number }[] {
  const found: { readonly name: string; readonly offset: number }[] = [];
  visit(document, {
    Alias(_key, alias, ancestors) {
      const target = alias.resolve(document);
      if (target !== undefined && ancestors.includes(target))
        found.push({ name: alias.source, offset: alias.range?.[0] ?? 0 });
    },
  });
  return found;
}

/** Where the last part of the path begins that is there. */
function offsetOf(document: Document, path: readonly string[]): number | null {
  let node: unknown = document.contents;
  let offset: number | null = null;
  for (const part of path) {
    const container: unknown = isAlias(node) ? node.resolve(document) : node;
    let found: Node | null = null;
    if (isMap(container)) {
      const pair = container.items.find(({ key }) => String(isScalar(key) ? key.value : key) === part);
      found = (pair?.key as Node | undefined) ?? null;
      node = pair?.value;
    } else if (isSeq(container)) {
      found = (container.items.at(Number(part)) as Node | undefined) ?? null;
      node = found;
    }
    if (found?.range === undefined || found.range === null) return offset;
    offset = found.range[0];
  }
  return offset;
}
