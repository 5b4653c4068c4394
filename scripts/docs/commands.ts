/** The commands of the program as Markdown: a table of all, and a section with options and examples for each of ours. */
import { PROGRAM_COMMANDS } from "../../cli/commands.ts";
import type { CommandSpec, OptionSpec } from "../../cli/command.ts";

export function commandsTable(): string {
  const rows = PROGRAM_COMMANDS.map(({ name, summary }) => `| \`${name}\` | ${summary} |`);
  return ["| Command | What it does |", "| --- | --- |", ...rows].join("\n");
}

/** Of the commands that have their own options; the installer's are in docs/installer.md, the relay's in docs/configuration.md. */
export function commandSections(): string {
  return PROGRAM_COMMANDS.filter(({ group }) => group !== "Installer" && group !== "Relay")
    .map(section)
    .join("\n\n");
}

function section(spec: CommandSpec): string {
  const { name, summary, details, args = [], examples } = spec;
  const options = spec.options as readonly OptionSpec[];
  const usage = args.map((arg) => `${arg.name.toUpperCase()}${arg.isList === true ? "..." : ""}`);
  const about = `${summary.slice(0, 1).toUpperCase()}${summary.slice(1)}.${details === undefined ? "" : ` ${details}`}`;
  return [
    `### ${[name, ...usage].join(" ")}`,
    "",
    about,
    "",
    "<!-- not run: examples with names of your own; a test has the program read each line -->",
    "",
    "```console",
    ...examples.flatMap(({ command, what }) => [`# ${what}`, command]),
    "```",
    ...(options.length === 0
      ? []
      : ["", "| Option | Meaning |", "| --- | --- |", ...options.map((option) => optionRow(option))]),
  ].join("\n");
}

function optionRow({ name, value, description, env, choices }: OptionSpec): string {
  const variable = env === undefined ? "" : ` (\`${env}\`)`;
  const values = choices === undefined ? "" : `: ${choices.map((choice) => `\`${choice}\``).join(", ")}`;
  return `| \`${name}${value === null ? "" : ` ${value}`}\` | ${description}${values}${variable} |`;
}
