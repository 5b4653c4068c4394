/** docs/targets.md is run: its settings are read, its events routed, and no option of a target is missing from it. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { ConfigError } from "../../lib/errors.ts";
import { readSettings } from "../../lib/settings.ts";
import { jsonSchemaOf, type JsonSchema } from "../../lib/settings-schema.ts";
import { configSchema, ENV_BINDINGS, type Config } from "../../relay/config/schema.ts";
import type { EventMeta } from "../../relay/event/event.ts";
import { createRouter } from "../../relay/routing/route.ts";
import { explainRules } from "../../relay/routing/reachable.ts";
import { TARGET_TYPES } from "../../relay/targets/registry.ts";
import { projectFileSchema } from "../../relay/targets/rules.ts";
import { eventMeta } from "../helpers/events.ts";

const text = readFileSync(new URL("../../docs/targets.md", import.meta.url), "utf8");

interface Example {
  readonly line: number;
  readonly isProjectFile: boolean;
  readonly yaml: string;
  readonly claims: readonly { readonly gets: boolean; readonly event: string; readonly by: string | null }[];
}

const examples: Example[] = [...text.matchAll(/```yaml( project-file)?\n(.*?)```\n((?:- [^\n]*\n)*)/gs)].map(
  (found) => ({
    line: text.slice(0, found.index).split("\n").length,
    isProjectFile: found[1] !== undefined,
    yaml: found[2] ?? "",
    claims: [...(found[3] ?? "").matchAll(/^- (gets|stops) `(.*?)`(?: by `(.*?)`)?$/gm)].map((claim) => ({
      gets: claim[1] === "gets",
      event: claim[2] ?? "",
      by: claim[3] ?? null,
    })),
  }),
);
const central = examples.filter((e) => !e.isProjectFile);

const SECRETS = {
  BOT_TOKEN: "b",
  CHAT_URL: "https://chat.example.com/hooks/c",
  GITLAB_TOKEN: "g",
  SECOND_TOKEN: "s",
  TRIGGER_TOKEN: "t",
  READ_API_TOKEN: "r",
  NATS_PASSWORD: "n",
  NATS_TOKEN: "n",
};

function load(yaml: string): Config {
  const { settings, problems } = readSettings(configSchema, {
    file: { path: "relay.yaml", text: yaml },
    env: SECRETS,
    bindings: ENV_BINDINGS,
    readFile: (path) => {
      throw new Error(`no file ${path}`);
    },
  });
  if (settings === null) throw new ConfigError(problems);
  return settings;
}

test("the page has examples", () => {
  expect(central.length).toBeGreaterThan(12);
  expect(examples.flatMap((e) => e.claims).length).toBeGreaterThan(25);
});

describe.each(central)("the example on line $line", ({ yaml, claims }) => {
  const config = load(yaml);

  test("is valid, and none of its rules is in vain", () => {
    const findings = explainRules(config).filter(({ path }) => !path.startsWith("overrides"));
    expect(findings).toEqual([]);
  });

  test.each([...claims])("$event: gets it: $gets", async ({ gets, event, by }) => {
    const { body, ...meta } = parse(event) as Partial<EventMeta> & { body?: unknown };
    const route = createRouter(config);
    const bytes = Buffer.from(JSON.stringify(body ?? {}));
    const routes = await route(eventMeta({ eventName: null, ...meta }), () => Promise.resolve(bytes));
    const names = routes.map((r) => r.target);
    expect(names).toEqual(gets ? [by ?? Object.keys(config.targets)[0]] : []);
  });
});

test.each(examples.filter((e) => e.isProjectFile))("the project file on line $line is valid", ({ yaml }) => {
  expect(Object.keys(projectFileSchema.parse(parse(yaml)).targets)).toEqual(["bot"]);
});

test.each(TARGET_TYPES)("type $name: its example is on the page as it is in the registry", ({ example }) => {
  const entry = example.replace(/^(?=.)/gm, "  ");
  expect(central.some(({ yaml }) => yaml.includes(`targets:\n${entry}`))).toBe(true);
});

/** Dotted names of all settings below a schema, as they stand in a document. */
function* namesOf(schema: JsonSchema, path: string): Generator<string> {
  for (const kind of schema.anyOf ?? schema.oneOf ?? []) yield* namesOf(kind, path);
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    yield `${path}${name}`;
    yield* namesOf(inner, `${path}${name}.`);
  }
}

function* namesIn(value: unknown, path = ""): Generator<string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return;
  for (const [name, inner] of Object.entries(value)) {
    yield `${path}${name}`;
    yield* namesIn(inner, `${path}${name}.`);
  }
}

test("every option of every type of target has its example", () => {
  const used = new Set<string>();
  for (const { yaml } of central) {
    const { targets = {} } = parse(yaml) as { targets?: Record<string, unknown> };
    for (const target of Object.values(targets)) for (const name of namesIn(target)) used.add(name);
  }
  const schema = jsonSchemaOf(configSchema);
  const targets = schema.properties?.["targets"]?.additionalProperties;
  if (typeof targets !== "object") throw new TypeError("the schema of targets has moved");
  const wanted = new Set(namesOf(targets, ""));
  expect(wanted.size).toBeGreaterThan(40);
  expect([...wanted].filter((name) => !used.has(name))).toEqual([]);
});
