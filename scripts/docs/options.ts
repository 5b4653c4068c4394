/** The installer's options and secrets as Markdown tables, from the table that its command line is made of. */
import { COMMANDS } from "../../component/options/row.ts";
import { OPTIONS, SECRETS, type OptionRow } from "../../component/options/table.ts";

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function defaultOf(row: OptionRow): string {
  if (row.required !== undefined && row.required.length > 0) {
    const always = row.commands.every((command) => row.required?.includes(command));
    const where = always ? "required" : `required by ${row.required.join(", ")}`;
    return row.fallback === undefined ? where : `\`${row.fallback}\``;
  }
  const value = [row.default ?? ""].flat().join(",");
  return value === "" ? "" : `\`${value}\``;
}

export function optionsTable(): string {
  const rows = OPTIONS.map((row) => {
    const commands = row.commands.length === COMMANDS.length ? "all" : row.commands.join(", ");
    const values = row.choices === undefined ? row.type : row.choices.join(", ");
    const cells = [`\`--${row.name}\``, `\`${row.env}\``, values, defaultOf(row), commands, row.description];
    return `| ${cells.map(cell).join(" | ")} |`;
  });
  return [
    "| Option | Variable | Value | Default | Commands | Meaning |",
    "| --- | --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

export function secretsTable(): string {
  const rows = SECRETS.map((row) => `| \`${row.env}\` | ${cell(row.description)} |`);
  return ["| Variable | Meaning |", "| --- | --- |", ...rows].join("\n");
}
