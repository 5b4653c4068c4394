/** An option as an input of a component's template: what `spec:inputs` says of it. Pure. */
import type { Command, InputOfOption, OptionDefault, OptionType } from "../../component/options/row.ts";
import type { OptionRow } from "../../component/options/table.ts";

export interface ComponentInput {
  readonly description: string;
  readonly type: "string" | "number" | "boolean" | "array";
  /** Undefined: the input is required. */
  readonly default?: Exclude<OptionDefault, null>;
  readonly options?: readonly string[];
  /** GitLab checks it as RE2, and not anchored by itself. */
  readonly regex?: string;
}

const TYPES: Readonly<Record<OptionType, ComponentInput["type"]>> = {
  text: "string",
  choice: "string",
  number: "number",
  boolean: "boolean",
  list: "array",
};

function isPerCommand(
  value: InputOfOption["default"],
): value is Readonly<Partial<Record<Command, OptionDefault>>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The input that stands for this option in the component that runs `command`. */
export function componentInput(row: OptionRow, command: Command): ComponentInput {
  const { input = {} } = row;
  const ofInput = isPerCommand(input.default) ? input.default[command] : input.default;
  const fallback = ofInput ?? row.default;
  const note = typeof input.note === "string" ? input.note : input.note?.[command];
  const regex = row.choices === undefined ? (input.regex ?? row.pattern?.regex) : undefined;
  return {
    description: note === undefined ? row.description : `${row.description} ${note}`,
    type: TYPES[row.type],
    ...(fallback === null ? {} : { default: fallback }),
    ...(row.choices === undefined ? {} : { options: row.choices }),
    ...(regex === undefined || row.type !== "text" ? {} : { regex }),
  };
}
