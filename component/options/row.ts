/**
 * What a row of the table of options says, and the check that follows from it: a default, a pattern, a choice or a range stands
 * in the row once, and the schema, the help text, the documentation and the components' inputs are made from it.
 */
import { z } from "zod";

export const COMMANDS = ["install", "uninstall", "recover", "schedule"] as const;
export type Command = (typeof COMMANDS)[number];

/** How the text of an option becomes a value. */
export type OptionType = "text" | "number" | "boolean" | "list" | "choice";

export type OptionDefault = string | number | boolean | readonly string[] | null;

/** What a value has to match. */
export interface ValuePattern {
  /** Source of an anchored regular expression that RE2 and JavaScript read alike. */
  readonly regex: string;
  /** What is said of a value that does not match: "must be ...". */
  readonly message: string;
}

/** How an option appears as an input of the components, where that differs from the row. */
export interface InputOfOption {
  /** Default of the input; of one command where it differs between the components. */
  readonly default?: OptionDefault | Readonly<Partial<Record<Command, OptionDefault>>>;
  /** GitLab's check of the input (RE2): wider than `pattern` where the input may name a variable. */
  readonly regex?: string;
  /** Sentences behind the description; of one command where they differ. */
  readonly note?: string | Readonly<Partial<Record<Command, string>>>;
}

/** The part of a row that is the same for every type. */
export interface RowBase {
  readonly description: string;
  /** Commands that know it. */
  readonly commands: readonly Command[];
  /** Commands that do not run without it. */
  readonly required?: readonly Command[];
  /** It may be missing with `--level instance`. */
  readonly optionalOnInstance?: boolean;
  readonly example?: string;
  /** Environment variable that is read where neither the option nor its own variable is set. */
  readonly fallback?: string;
  /** Its values are masked in every output. */
  readonly secret?: boolean;
  readonly input?: InputOfOption;
}

export interface TableRow<Schema extends z.ZodType = z.ZodType> extends RowBase {
  readonly type: OptionType;
  /** Null: nothing, or see `fallback`. */
  readonly default: OptionDefault;
  /** The only values, of a choice. */
  readonly choices?: readonly string[];
  readonly pattern?: ValuePattern;
  /** Refuses what is not allowed and turns texts into the value that the program works with. */
  readonly schema: Schema;
}

type Check<T> = (value: T, context: z.RefinementCtx) => void;

function matching(pattern: ValuePattern | undefined): z.ZodString {
  const schema = z.string().min(1);
  return pattern === undefined ? schema : schema.regex(new RegExp(pattern.regex), pattern.message);
}

interface TextSpec extends RowBase {
  readonly pattern?: ValuePattern;
  /** Makes the value uniform before it is checked. */
  readonly tidy?: (text: string) => string;
  readonly check?: Check<string>;
}

/** A text that may be missing. */
export function textOption({ tidy = (value) => value, check = () => {}, ...spec }: TextSpec) {
  const value = z.string().transform(tidy).pipe(matching(spec.pattern).superRefine(check));
  return { ...spec, type: "text" as const, default: null, schema: value.nullable().default(null) };
}

/** A text with a default. */
export function textOr(fallback: string, { tidy = (value) => value, check = () => {}, ...spec }: TextSpec) {
  const anything = fallback === "" && spec.pattern === undefined ? z.string() : matching(spec.pattern);
  const schema = z.string().default(fallback).transform(tidy).pipe(anything.superRefine(check));
  return { ...spec, type: "text" as const, default: fallback, schema };
}

export function choice<const C extends readonly [string, ...string[]]>(
  choices: C,
  fallback: C[number],
  spec: RowBase,
) {
  const schema = z.enum(choices as unknown as [C[number], ...C[number][]]).default(fallback);
  return { ...spec, type: "choice" as const, default: fallback, choices, schema };
}

export function flag(fallback: boolean, spec: RowBase) {
  const schema = z.boolean("must be true or false").default(fallback);
  return { ...spec, type: "boolean" as const, default: fallback, schema };
}

interface CountSpec extends RowBase {
  /** The largest value, and what a larger one is told. */
  readonly most?: readonly [number, string];
}

/** A whole number from 1 on. */
export function wholeNumber(fallback: number, { most, ...spec }: CountSpec) {
  const whole = z.number("must be a number").int("must be a whole number").min(1, "must be at least 1");
  const schema = (most === undefined ? whole : whole.max(...most)).default(fallback);
  return { ...spec, type: "number" as const, default: fallback, schema };
}

/** A whole number that need not be; 0 says so too. */
export function limit(spec: RowBase) {
  const schema = z
    .number("must be a number")
    .int("must be a whole number")
    .min(0, "must be at least 0")
    .nullable()
    .default(null)
    .transform((n) => (n === 0 ? null : n));
  return { ...spec, type: "number" as const, default: null, schema };
}

/** Seconds that need not be limited. */
export function seconds(spec: RowBase) {
  const schema = z.number("must be a number of seconds").positive("must be above 0").nullable().default(null);
  return { ...spec, type: "number" as const, default: null, schema };
}

interface ListSpec extends RowBase {
  /** Of every item. */
  readonly pattern?: ValuePattern;
  readonly check?: Check<readonly string[]>;
}

export function listOption(fallback: readonly string[], { check = () => {}, ...spec }: ListSpec) {
  const schema = z
    .array(matching(spec.pattern))
    .superRefine(check)
    .default([...fallback]);
  return { ...spec, type: "list" as const, default: fallback, schema };
}

/** A list of `Name: value` lines that becomes a record. */
export function record(
  spec: RowBase,
  read: (lines: readonly string[], context: z.RefinementCtx) => Readonly<Record<string, string>>,
) {
  const schema = z.array(z.string()).default([]).transform(read);
  return { ...spec, type: "list" as const, default: [] as readonly string[], schema };
}
