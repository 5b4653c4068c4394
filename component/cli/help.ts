/** The help text, made from the table of options. Pure. */
import { COMMANDS, type Command } from "../options/row.ts";
import { OPTIONS, SECRETS } from "../options/table.ts";

export const ABOUT: Readonly<Record<Command, string>> = {
  install: "every project of the group (or the group itself) has exactly one healthy hook of ours",
  uninstall: "removes our hooks, only ours",
  recover: "finds deliveries that GitLab logged as failed and has them delivered after all",
  schedule: "creates or updates the pipeline schedule that runs the component",
};

const EXITS: readonly (readonly [number, string])[] = [
  [0, "done, nothing failed"],
  [1, "some projects failed, or there was none to work on; the report says why"],
  [2, "bad options or configuration, or a secret is missing that hooks would lose"],
  [3, "a dry run with --fail-on-drift found differences"],
  [75, "stopped early by a limit; the next run goes on from there"],
];

const WIDTH = 100;

function wrapped(text: string, indent: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + word.length + 1 > WIDTH - indent) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join(`\n${" ".repeat(indent)}`);
}

export function helpText(version: string, command: Command | null): string {
  const rows = OPTIONS.filter((row) => command === null || row.commands.includes(command));
  const lines = [
    `gitlab-hook-relay ${version}`,
    "",
    `Usage: gitlab-hook-relay ${command ?? "COMMAND"} [OPTIONS]`,
    "",
    ...(command === null ? COMMANDS : [command]).map((name) => `  ${name.padEnd(12)}${ABOUT[name]}`),
    "",
    "Options, each also as the environment variable named:",
  ];
  for (const row of rows) {
    const value =
      row.type === "boolean" ? "" : row.choices ? ` ${row.choices.join("|")}` : ` ${row.type.toUpperCase()}`;
    const standard = row.default === null || row.default === "" ? "" : ` [${[row.default].flat().join(",")}]`;
    const instead = row.fallback === undefined ? "" : ` Falls back to ${row.fallback}.`;
    lines.push(`  --${row.name}${value} (${row.env})${row.default === false ? "" : standard}`);
    lines.push(`      ${wrapped(row.description + instead, 6)}`);
  }
  lines.push("", "Secrets, from the environment or from the file that NAME_FILE names:");
  for (const row of SECRETS) lines.push(`  ${row.env}`, `      ${wrapped(row.description, 6)}`);
  lines.push(
    "",
    "Exit status:",
    ...EXITS.map(([status, text]) => `  ${String(status).padStart(2)}  ${text}`),
  );
  return `${lines.join("\n")}\n`;
}
