/** The environment of a program: a variable is given as NAME, or as NAME_FILE, the path of a file that holds its value. */
import { messageOf } from "./errors.ts";

export type Env = Readonly<Record<string, string | undefined>>;

export interface EnvSources {
  readonly env: Env;
  /** Reads the file that a NAME_FILE variable names; throws if it cannot. */
  readonly readFile: (path: string) => string;
}

/** The value of NAME, or of the file that NAME_FILE names; undefined if neither is set. Throws if both are, or the file cannot be read. */
export function readVariable(name: string, sources: EnvSources): string | undefined {
  const direct = sources.env[name];
  const file = sources.env[`${name}_FILE`];
  if (file === undefined || file === "") return direct === "" ? undefined : direct;
  if (direct !== undefined && direct !== "") throw new Error(`set either ${name} or ${name}_FILE, not both`);
  try {
    const text = sources.readFile(file).replace(/\r?\n$/, "");
    return text === "" ? undefined : text;
  } catch (error) {
    throw new Error(`cannot read ${name}_FILE "${file}": ${messageOf(error)}`, { cause: error });
  }
}
