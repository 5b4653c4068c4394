/** The JSON Schema of settings: what an editor knows of them, and where else in a program the fields are looked up by their path. */
import { z } from "zod";
import { own } from "./json.ts";

export interface JsonSchema {
  readonly [key: string]: unknown;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly const?: unknown;
  readonly secret?: boolean;
  readonly description?: string;
}

/** JSON Schema of what a user may write. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: "input" }) as JsonSchema;
}

/** Names of the settings that may stand at `path` of these settings. A union is narrowed by the constants, such as `type: http`. */
export function namesAt(schema: JsonSchema, settings: unknown, path: readonly string[]): string[] {
  let schemas = optionsOf(schema, settings);
  let value = settings;
  for (const part of path) {
    value =
      typeof value === "object" && value !== null ? own(value as Record<string, unknown>, part) : undefined;
    schemas = schemas.flatMap(({ properties, additionalProperties, items }) => {
      const named = properties === undefined ? undefined : own(properties, part);
      const inner = named ?? items ?? additionalProperties;
      return typeof inner === "object" ? optionsOf(inner, value) : [];
    });
  }
  return [...new Set(schemas.flatMap(({ properties = {} }) => Object.keys(properties)))];
}

function optionsOf(schema: JsonSchema, value: unknown): JsonSchema[] {
  const options = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  if (options.length === 0) return [schema];
  const fitting = options.filter((option) => constantsFit(option, value));
  return (fitting.length === 0 ? options : fitting).flatMap((option) => optionsOf(option, value));
}

function constantsFit({ properties = {} }: JsonSchema, value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(properties).every(
    ([key, { const: constant }]) =>
      constant === undefined || own(value as Record<string, unknown>, key) === constant,
  );
}
