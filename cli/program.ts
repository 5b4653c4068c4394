/** Arguments -> command -> exit status. Commander reads the names; what they mean is decided by the rows of commands.ts. */
import { Argument, Command, CommanderError, Option } from "commander";
import { closestMatch } from "leven";
import { ConfigError, messageOf } from "../lib/errors.ts";
import { STATUS, UsageError, type CommandSpec, type Given, type OptionSpec } from "./command.ts";
import { PROGRAM_COMMANDS } from "./commands.ts";
import { RelayApiError } from "./relay-api.ts";
import type { CliWorld } from "./world.ts";

const ABOUT = "Every webhook of a GitLab group: installed, received, kept and delivered.";
const EXITS: NonNullable<CommandSpec["exits"]> = [
  [STATUS.done, "done"],
  [STATUS.failed, "failed; standard error says why"],
  [STATUS.usage, "wrong options or settings"],
];

/** A command that was named, and what it was given. */
export interface NamedCommand {
  readonly spec: CommandSpec;
  readonly given: Given;
}

/** Runs the program. @returns its exit status; undefined: a program that it started sets it */
export async function runCommandLine(world: CliWorld): Promise<number | undefined> {
  if (beginsWithInstallerOptions(world.argv)) {
    await world.installer(world.argv);
    return undefined;
  }
  try {
    const call = await readCall(world);
    return typeof call === "number" ? call : await call.spec.run(call.given, world);
  } catch (error) {
    world.stderr(`gitlab-hook-relay: ${messageOf(error)}\n`);
    return isOfUsage(error) ? STATUS.usage : STATUS.failed;
  }
}

/** What the relay answers 400 to is a wrong option as well: some values only the relay can judge. */
function isOfUsage(error: unknown): boolean {
  if (error instanceof RelayApiError) return error.status === 400;
  return error instanceof UsageError || error instanceof ConfigError;
}

/** Reads the arguments without running anything. @returns a status if there is nothing to run: help was asked for, or something is wrong */
export async function readCall(world: CliWorld): Promise<NamedCommand | number> {
  let call: NamedCommand | null = null;
  const program = await createProgram(world, (named) => (call = named));
  try {
    await program.parseAsync([...world.argv], { from: "user" });
    return call ?? STATUS.usage;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? STATUS.done : STATUS.usage;
  }
}

/** `--group acme install`: the installer has always taken its command in any place. */
function beginsWithInstallerOptions(argv: readonly string[]): boolean {
  const [first = ""] = argv;
  if (!first.startsWith("-") || ["--help", "-h", "--version"].includes(first)) return false;
  return PROGRAM_COMMANDS.some(({ name, readsOwnLine }) => readsOwnLine === true && argv.includes(name));
}

type OnCall = (call: NamedCommand) => void;

async function createProgram(world: CliWorld, onCall: OnCall): Promise<Command> {
  const program = styled(new Command("gitlab-hook-relay"), world)
    .description(ABOUT)
    .usage("COMMAND [OPTIONS]")
    .version(world.version, "--version", "print the version")
    .helpCommand("help [COMMAND]", "explain a command")
    .enablePositionalOptions()
    .addHelpText(
      "after",
      "\nEach command explains its options and shows examples: gitlab-hook-relay COMMAND --help",
    );
  for (const spec of PROGRAM_COMMANDS) program.addCommand(await commandOf(spec, world, onCall));
  return program;
}

async function commandOf(spec: CommandSpec, world: CliWorld, onCall: OnCall): Promise<Command> {
  const command = styled(new Command(spec.name), world)
    .summary(spec.summary)
    .description(
      spec.details === undefined
        ? `${sentence(spec.summary)}.`
        : `${sentence(spec.summary)}. ${spec.details}`,
    )
    .helpGroup(`${spec.group}:`)
    .addHelpText("after", afterOptions(spec));
  const asksForHelp = world.argv.includes("--help") || world.argv.includes("-h") || world.argv[0] === "help";
  if (spec.readsOwnLine === true && !asksForHelp) {
    return command
      .helpOption(false)
      .allowUnknownOption()
      .allowExcessArguments()
      .passThroughOptions()
      .action(() => onCall({ spec, given: givenOf(command) }));
  }
  for (const arg of spec.args ?? []) command.addArgument(argumentOf(arg));
  for (const option of typeof spec.options === "function" ? await spec.options() : spec.options)
    command.addOption(optionOf(option));
  return command.action(() => onCall({ spec, given: givenOf(command) }));
}

/** How every command of the program speaks. */
function styled(command: Command, world: CliWorld): Command {
  return command
    .helpOption("-h, --help", "print this")
    .exitOverride()
    .configureHelp({ helpWidth: Math.min(world.columns, 110), showGlobalOptions: false })
    .configureOutput({
      writeOut: (text) => world.stdout(text),
      writeErr: (text) => world.stderr(text),
      outputError: (text, write) =>
        write(`${text.trimEnd().replace(/^error: /, "gitlab-hook-relay: ")}\n(--help lists the options)\n`),
    });
}

function argumentOf({
  name,
  description,
  isRequired,
  isList,
  choices,
}: NonNullable<CommandSpec["args"]>[number]): Argument {
  const dots = isList === true ? "..." : "";
  const argument = new Argument(isRequired === true ? `<${name}${dots}>` : `[${name}${dots}]`, description);
  return choices === undefined ? argument : argument.choices(choices).argParser(oneOf(name, choices));
}

function optionOf({ name, value, description, choices, isList, env }: OptionSpec): Option {
  const text = env === undefined ? description : `${description} (${env})`;
  const list = isList === true && choices !== undefined ? `; several: ${choices.join(",")}` : "";
  const option = new Option(value === null ? name : `${name} <${value}>`, text + list);
  if (choices !== undefined && isList !== true) option.choices(choices).argParser(oneOf(name, choices));
  if (isList === true)
    option.argParser((item, before) => listed(item, before, choices && oneOf(name, choices)));
  return option;
}

/** Values of an option that may be given several times, or once with commas between them if its values are choices. */
function listed(
  text: string,
  before: unknown,
  check: ((item: string) => string) | undefined,
): readonly string[] {
  const items = check === undefined ? [text] : text.split(",").map((item) => check(item.trim()));
  return [...((before as readonly string[] | undefined) ?? []), ...items];
}

/** Refuses another text than the choices, with the nearest of them. @param name of the option or argument */
function oneOf(name: string, choices: readonly string[]): (text: string) => string {
  return (text) => {
    if (choices.includes(text)) return text;
    const nearest = closestMatch(text.slice(0, 40), choices, { maxDistance: 2 });
    const guess = nearest === undefined ? "" : `; did you mean ${nearest}?`;
    throw new UsageError(`${name} must be one of ${choices.join(", ")}, not "${text}"${guess}`);
  };
}

/** An empty value, as of a variable that is not set, is refused: left out, a filter would let more through than was meant. */
function givenOf(command: Command): Given {
  const values: ReadonlyMap<string, unknown> = new Map(Object.entries(command.opts()));
  const isEmpty = (value: unknown): boolean => typeof value === "string" && value.trim() === "";
  for (const option of command.options) {
    const value = values.get(option.attributeName());
    if (isEmpty(value) || (Array.isArray(value) && value.some(isEmpty)))
      throw new UsageError(`${option.long} is empty: give it a value, or leave it out`);
  }
  if (command.args.some(isEmpty)) throw new UsageError("an argument is empty");
  const keyOf = (name: string): string => new Option(name).attributeName();
  const text = (name: string): string | undefined => {
    const value = values.get(keyOf(name));
    return typeof value === "string" ? value : undefined;
  };
  return {
    args: command.args,
    text,
    list: (name) => (values.get(keyOf(name)) as readonly string[] | undefined) ?? [],
    flag: (name) => values.get(keyOf(name)) === true,
  };
}

function afterOptions({ examples, exits = EXITS }: CommandSpec): string {
  const lines = examples.flatMap(({ command, what }) => [`  # ${what}`, `  ${command}`]);
  const status = exits.map(([code, text]) => `  ${String(code).padStart(2)}  ${text}`);
  return ["", "Examples:", ...lines, "", "Exit status:", ...status].join("\n");
}

function sentence(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
