/** argv -> the command, the options' texts and what is wrong with their names. Values are judged later, with the environment's. */
import { parseArgs } from "node:util";
import { closestMatch } from "leven";
import type { Problem } from "../../lib/errors.ts";
import { COMMANDS, type Command } from "./row.ts";
import { OPTION_NAMES, OPTIONS, type OptionRow } from "./table.ts";

export interface CommandLine {
  readonly command: string | null;
  readonly help: boolean;
  readonly version: boolean;
  /** Texts of the options, by option name, in the order in which they were given. */
  readonly given: ReadonlyMap<string, readonly string[]>;
  readonly problems: readonly Problem[];
}

/** How far a name may be from the one that it is taken for. */
const MISSPELT = 3;

const byName = new Map(OPTIONS.map((row) => [row.name, row]));

export function isCommand(text: string | null): text is Command {
  return COMMANDS.includes(text as Command);
}

/** `unknown option; did you mean --group?` @returns the second half, or nothing if no known name is near */
export function didYouMean(name: string, known: readonly string[], prefix = ""): string {
  const nearest = closestMatch(name, known, { maxDistance: Math.min(MISSPELT, Math.ceil(name.length / 2)) });
  return nearest === undefined ? "" : `; did you mean ${prefix}${nearest}?`;
}

function tokensOf(argv: readonly string[]) {
  const types = Object.fromEntries(
    OPTIONS.map((row) => [
      row.name,
      { type: row.type === "boolean" ? ("boolean" as const) : ("string" as const) },
    ]),
  );
  return parseArgs({
    args: [...argv],
    options: { ...types, help: { type: "boolean", short: "h" }, version: { type: "boolean" } },
    strict: false,
    tokens: true,
    allowNegative: true,
    allowPositionals: true,
  }).tokens;
}

type OptionToken = Extract<ReturnType<typeof tokensOf>[number], { readonly kind: "option" }>;

/** The text that an option was given; undefined if it needs one. */
function textOf(row: OptionRow, token: OptionToken): string | undefined {
  if (row.type === "boolean") return token.value ?? (token.rawName.startsWith("--no-") ? "false" : "true");
  const looksLikeOption = token.inlineValue === false && /^-./.test(token.value);
  return looksLikeOption ? undefined : token.value;
}

function rowOf(token: OptionToken): OptionRow | undefined {
  const row = byName.get(token.name);
  return row?.type !== "boolean" && token.rawName.startsWith("--no-") ? undefined : row;
}

/** Reads argv without judging values. */
export function readCommandLine(argv: readonly string[]): CommandLine {
  const given = new Map<string, string[]>();
  const problems: Problem[] = [];
  const flags = new Set<string>();
  const words: string[] = [];
  const stray: string[] = [];
  let before: { readonly row: OptionRow | undefined; readonly token: OptionToken } | null = null;
  for (const token of tokensOf(argv)) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") {
      const follows: typeof before = before;
      before = null;
      if (follows?.row?.type === "boolean" && /^(true|false)$/.test(token.value)) {
        given.get(follows.row.name)?.splice(-1, 1, token.value);
      } else if (follows?.row === undefined && follows !== null) {
        // The value of an option that is not known: one problem is enough.
        stray.push(token.value);
      } else words.push(token.value);
      continue;
    }
    before = null;
    if (token.name === "help" || token.name === "version") {
      flags.add(token.name);
      continue;
    }
    const row = rowOf(token);
    if (row === undefined) {
      const known = OPTION_NAMES.concat("help", "version");
      problems.push({
        path: token.rawName,
        message: `unknown option${didYouMean(token.rawName.replace(/^-+/, ""), known, "--")}`,
      });
      if (token.value === undefined) before = { row, token };
      continue;
    }
    const text = textOf(row, token);
    if (text === undefined) problems.push({ path: `--${row.name}`, message: needsValue(token) });
    else given.set(row.name, [...(given.get(row.name) ?? []), text]);
    if (row.type === "boolean" && token.value === undefined) before = { row, token };
  }
  const command = words.shift() ?? stray.find(isCommand) ?? null;
  for (const word of words) problems.push({ path: "", message: `unexpected argument "${word}"` });
  return { command, help: flags.has("help"), version: flags.has("version"), given, problems };
}

function needsValue({ rawName, value }: OptionToken): string {
  return value === undefined
    ? "needs a value"
    : `needs a value; one that begins with a dash is written ${rawName}=${value}`;
}
