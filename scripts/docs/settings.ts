/** Renders the relay's settings and environment as Markdown tables, from the schema that the relay itself checks with. */
import type { EnvBinding } from "../../lib/settings.ts";
import type { JsonSchema } from "../../lib/settings-schema.ts";

interface Leaf {
  readonly path: string;
  readonly schema: JsonSchema;
}

const isSchema = (value: unknown): value is JsonSchema =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Every leaf below a schema; alternatives of a union are told apart by the literal of their `type`. */
function leaves(schema: JsonSchema, path: string): Leaf[] {
  const join = (key: string): string => (path === "" ? key : `${path}.${key}`);
  const variants = schema.oneOf ?? (schema.anyOf?.some((s) => s.properties) ? schema.anyOf : undefined);
  if (variants !== undefined) return variants.flatMap((variant) => leaves(variant, path));
  if (schema.properties !== undefined) {
    return Object.entries(schema.properties).flatMap(([key, inner]) => leaves(inner, join(key)));
  }
  if (schema.items !== undefined && schema.items.properties !== undefined)
    return leaves(schema.items, `${path}[]`);
  const extra = schema.additionalProperties;
  if (isSchema(extra) && (extra.properties ?? extra.oneOf ?? extra.anyOf) !== undefined)
    return leaves(extra, join("<name>"));
  return [{ path, schema }];
}

/** Alternatives say the same of what they share: each path once, in the order of appearance. */
function distinct(all: readonly Leaf[]): Leaf[] {
  const seen = new Map<string, Leaf>();
  for (const leaf of all) if (!seen.has(leaf.path)) seen.set(leaf.path, leaf);
  return [...seen.values()];
}

function typeOf(schema: JsonSchema): string {
  if (Array.isArray(schema["enum"]))
    return (schema["enum"] as unknown[]).map((v) => `\`${String(v)}\``).join(" ");
  if (schema["const"] !== undefined) return `\`${String(schema["const"])}\``;
  if (schema.items !== undefined) return `list of ${typeOf(schema.items)}`;
  if (isSchema(schema.additionalProperties)) return `map to ${typeOf(schema.additionalProperties)}`;
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeOf))].join(" or ");
  return schema.type ?? "any";
}

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

function defaultOf(schema: JsonSchema): string {
  const value = schema["default"];
  return value === undefined ? "" : `\`${JSON.stringify(value)}\``;
}

/** One table per top-level setting. */
export function settingsTables(schema: JsonSchema): string {
  return Object.entries(schema.properties ?? {})
    .map(([section, inner]) => {
      const rows = distinct(leaves(inner, section)).map(
        ({ path, schema: leaf }) =>
          `| \`${path}\` | ${cell(typeOf(leaf))}${leaf.secret === true ? ", secret" : ""} | ${cell(defaultOf(leaf))} | ${cell(leaf.description ?? "")} |`,
      );
      return `### ${section}\n\n| setting | type | default | meaning |\n| --- | --- | --- | --- |\n${rows.join("\n")}`;
    })
    .join("\n\n");
}

/** Where each environment variable goes. */
export function environmentTable(bindings: readonly EnvBinding[]): string {
  const rows = bindings.map(
    ({ name, path, as }) =>
      `| \`${name}\` | \`${path.join(".")}\` | ${as === "list" ? "comma separated list" : as} |`,
  );
  return `| variable | setting | form |\n| --- | --- | --- |\n${rows.join("\n")}`;
}

/** Paths of leaves that have no description: the gate refuses them. */
export function undescribed(schema: JsonSchema): string[] {
  return leaves(schema, "")
    .filter(
      ({ schema: leaf, path }) =>
        leaf.description === undefined && leaf["const"] === undefined && path !== "",
    )
    .map(({ path }) => path);
}
