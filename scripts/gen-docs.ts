/**
 * Writes what is generated: relay.schema.json, docs/openapi.json, the regions of Markdown files that stand between `<!-- generated: NAME -->` and
 * `<!-- /generated -->`, and the version in every example of an inclusion, which is the changelog's newest. With --check it writes nothing and fails where something is out of date.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { jsonSchemaOf } from "../lib/settings-schema.ts";
import manifest from "../package.json" with { type: "json" };
import { openApi } from "../relay/admin/api/openapi.ts";
import { configSchema, ENV_BINDINGS } from "../relay/config/schema.ts";
import { commandSections, commandsTable } from "./docs/commands.ts";
import { eventsTable } from "./docs/events.ts";
import { foldersTable } from "./docs/folders.ts";
import { inputsTable } from "./docs/inputs.ts";
import { logEventsTable } from "./docs/log-events.ts";
import { newestVersion, pinned } from "./docs/release.ts";
import { optionsTable, secretsTable } from "./docs/options.ts";
import { testHelpersTable } from "./docs/test-helpers.ts";
import { environmentTable, settingsTables, undescribed } from "./docs/settings.ts";

const root = new URL("../", import.meta.url);
const read = (path: string): string | null => {
  try {
    return readFileSync(new URL(path, root), "utf8");
  } catch {
    return null;
  }
};

const schema = jsonSchemaOf(configSchema);
const version = newestVersion(read("CHANGELOG.md") ?? "");
const templates = readdirSync(new URL("templates/", root)).map((file) => `templates/${file}`);
const template = (path: string): string => pinned(read(path) ?? "", version);

/** Name of a region -> its content. */
const regions: Readonly<Record<string, () => string>> = {
  commands: commandsTable,
  "command-sections": commandSections,
  settings: () => settingsTables(schema),
  environment: () => environmentTable(ENV_BINDINGS),
  events: eventsTable,
  folders: foldersTable,
  "log-events": logEventsTable,
  "test-helpers": testHelpersTable,
  "installer-options": optionsTable,
  "installer-secrets": secretsTable,
  ...Object.fromEntries(
    templates.map((path) => [
      path.replace("templates/", "inputs/").replace(/\.yml$/, ""),
      () => inputsTable(template(path)),
    ]),
  ),
};

const region = /(<!-- generated: ([\w/-]+) -->\n)[\s\S]*?(<!-- \/generated -->)/g;

function withRegions(path: string, text: string): string {
  return text.replace(region, (_, open: string, name: string, close: string) => {
    const render = regions[name];
    if (render === undefined) throw new Error(`${path}: no generated content is named "${name}"`);
    return `${open}\n${render()}\n\n${close}`;
  });
}

const markdown = [
  "README.md",
  "test/helpers/README.md",
  ...readdirSync(new URL("docs/", root))
    .filter((f) => f.endsWith(".md"))
    .map((f) => `docs/${f}`),
];
const wanted = new Map<string, string>([
  ["relay.schema.json", `${JSON.stringify(schema, null, 2)}\n`],
  ["docs/openapi.json", `${JSON.stringify(openApi(manifest.version), null, 2)}\n`],
]);
for (const path of markdown) {
  const text = read(path);
  if (text !== null) wanted.set(path, pinned(withRegions(path, text), version));
}
for (const path of templates) wanted.set(path, template(path));

const problems = undescribed(schema).map((path) => `relay/config/schema.ts: "${path}" has no description`);
const stale = [...wanted].filter(([path, text]) => read(path) !== text);
if (process.argv.includes("--check")) {
  problems.push(...stale.map(([path]) => `${path} is out of date: run npm run docs`));
} else {
  for (const [path, text] of stale) {
    writeFileSync(new URL(path, root), text);
    console.log(`wrote ${path}`);
  }
}
for (const problem of problems) console.log(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
