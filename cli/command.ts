/**
 * What a command of the program is: one row with its name, its options, its examples and what it does. The command line, the help
 * text, the completions for shells and the tables of docs/cli.md are made from the rows.
 */
import type { CliWorld } from "./world.ts";

export interface OptionSpec {
  /** `--state`. */
  readonly name: string;
  /** What the value is called, such as `FILE`; null: the option takes none. */
  readonly value: string | null;
  readonly description: string;
  /** The only values. */
  readonly choices?: readonly string[] | undefined;
  /** The option may be given several times. */
  readonly isList?: boolean;
  /** Environment variable that is read if the option is not given. */
  readonly env?: string;
}

export interface ArgumentSpec {
  readonly name: string;
  readonly description: string;
  readonly isRequired?: boolean;
  readonly isList?: boolean;
  readonly choices?: readonly string[] | undefined;
  /** What a shell offers for it, if that is more than help can list. @default the choices */
  readonly completions?: readonly string[];
}

export interface Example {
  readonly command: string;
  readonly what: string;
}

/** What was given on the command line, checked for names and numbers of values only. */
export interface Given {
  readonly args: readonly string[];
  text(option: string): string | undefined;
  list(option: string): readonly string[];
  flag(option: string): boolean;
}

export interface CommandSpec {
  readonly name: string;
  /** Under which heading `--help` lists it. */
  readonly group: "Relay" | "Installer" | "Operating" | "Developing";
  readonly summary: string;
  readonly details?: string;
  readonly args?: readonly ArgumentSpec[];
  /** Loaded only for help and completions if the command reads its own command line. */
  readonly options: readonly OptionSpec[] | (() => Promise<readonly OptionSpec[]>);
  readonly examples: readonly Example[];
  readonly exits?: readonly (readonly [number, string])[];
  /** Whether everything behind the name is handed on unread: the installer has its own parser, which reports all problems at once. */
  readonly readsOwnLine?: boolean;
  /** Resolves with the exit status; undefined: the command has set it, or goes on. */
  readonly run: (given: Given, world: CliWorld) => Promise<number | undefined>;
}

export const STATUS = { done: 0, failed: 1, usage: 2 } as const;

/** The command line is wrong in a way that its names do not show. Ends the program with 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
