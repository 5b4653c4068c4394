/**
 * The table of a component's inputs, rendered from its template, for README.md and docs/: what the reader of a page sees is
 * what GitLab checks.
 */
import { parseAllDocuments } from "yaml";
import { z } from "zod";

const scalar = z.union([z.string(), z.number(), z.boolean()]);

/** One entry of `spec:inputs`, as far as GitLab 17.0 knows it; any other key is refused. */
const inputSchema = z.strictObject({
  description: z.string().min(1),
  type: z.enum(["string", "number", "boolean", "array"]),
  default: z.union([scalar, z.array(z.unknown())]).optional(),
  options: z.array(scalar).min(1).optional(),
  regex: z.string().min(1).optional(),
});

const headerSchema = z.strictObject({
  spec: z.strictObject({ inputs: z.record(z.string(), inputSchema) }),
});

export type Input = z.output<typeof inputSchema>;

export interface Template {
  /** By name, in the order of the file. */
  readonly inputs: ReadonlyMap<string, Input>;
  /** What follows the header, not interpolated. */
  readonly configuration: unknown;
}

/**
 * Reads a component's template: the header and the configuration, two YAML documents.
 * @throws Error if it is not that, or if the header says something that GitLab 17.0 does not know
 */
export function parseTemplate(templateYamlText: string): Template {
  const documents = parseAllDocuments(templateYamlText);
  if (!Array.isArray(documents) || documents.length !== 2) {
    throw new Error(`A template is a header and a configuration, not ${documents.length} YAML documents`);
  }
  for (const error of documents.flatMap((d) => d.errors)) throw error;
  const [header, configuration] = documents.map((d) => d.toJS() as unknown);
  const { spec } = headerSchema.parse(header);
  return { inputs: new Map(Object.entries(spec.inputs)), configuration };
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

function shown(value: unknown): string {
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

function defaultOf({ default: value }: Input): string {
  if (value === undefined) return "required";
  if (value === "") return "";
  return Array.isArray(value) && value.some((v) => typeof v === "object") ? "see the template" : shown(value);
}

function meaning({ description, options }: Input): string {
  if (options === undefined) return description;
  const choices = options.filter((o) => o !== "").map(shown);
  return `${description} One of ${choices.join(", ")}${options.includes("") ? ", or empty" : ""}.`;
}

/** Markdown table of the inputs of one template, in the template's order. */
export function inputsTable(templateYamlText: string): string {
  const rows = [...parseTemplate(templateYamlText).inputs].map(
    ([name, input]) =>
      `| \`${name}\` | ${input.type} | ${cell(defaultOf(input))} | ${cell(meaning(input))} |`,
  );
  return ["| Input | Type | Default | Meaning |", "| --- | --- | --- | --- |", ...rows].join("\n");
}
