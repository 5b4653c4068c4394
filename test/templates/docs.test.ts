/** docs/component.md and docs/recovery.md: their examples are pipelines that GitLab takes, their tables agree with the programs. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { SECRETS } from "../../component/options/table.ts";
import { summarise, type RecoveryReport } from "../../component/recover/report.ts";
import { configSchema } from "../../relay/config/schema.ts";
import { newestVersion } from "../../scripts/docs/release.ts";
import { inputsTable, parseTemplate } from "../../scripts/docs/inputs.ts";
import { render } from "./gitlab.ts";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const page = read("docs/component.md");
const version = newestVersion(read("CHANGELOG.md"));

interface Included {
  readonly component: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}

const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(
  (match) => parse(match[1] as string) as object,
);
const included = examples.flatMap((example) => ("include" in example ? (example.include as Included[]) : []));

test("docs/component.md: every example includes the component with inputs that it takes", () => {
  expect(included.length).toBeGreaterThan(4);
  for (const { component, inputs } of included) {
    const [, name, at] = /\/([a-z-]+)@(.+)$/.exec(component) ?? [];
    expect(at).toBe(version);
    expect(render(read(`templates/${name}.yml`), inputs).size).toBe(1);
  }
});

test("docs/component.md: an example that adds to a job names the job that the template makes", () => {
  const jobs = examples
    .filter((example) => !("include" in example))
    .flatMap((example) => Object.keys(example));
  expect(jobs).toEqual([parseTemplate(read("templates/install-hooks.yml")).inputs.get("as")?.default]);
});

test("docs/component.md: names every secret, and has the table of the inputs", () => {
  for (const { env } of SECRETS) expect(page).toContain(env);
  expect(page).toContain(inputsTable(read("templates/install-hooks.yml")));
});

test("docs/component.md: the image's path is the template's default", () => {
  const image = String(parseTemplate(read("templates/install-hooks.yml")).inputs.get("image")?.default);
  expect(page).toContain(`\`${image.replace(/^\$CI_REGISTRY\//, "").replace(/:[^:]+$/, "")}\``);
});

const recovery = read("docs/recovery.md");

test("docs/recovery.md: every example includes components with inputs that they take", () => {
  const found = [...recovery.matchAll(/```yaml\n([\s\S]*?)```/g)].map((m) => parse(m[1] as string) as object);
  const includes = found.flatMap((example) => ("include" in example ? (example.include as Included[]) : []));
  expect(includes.length).toBeGreaterThan(3);
  for (const { component, inputs } of includes) {
    const [, name, at] = /\/([a-z-]+)@(.+)$/.exec(component) ?? [];
    expect(at).toBe(version);
    expect(render(read(`templates/${name}.yml`), inputs).size).toBe(1);
  }
  const job = parseTemplate(read("templates/recover-deliveries.yml")).inputs.get("as")?.default as string;
  const others = found.filter((example) => !("include" in example));
  expect(others.map((example) => Object.keys(example))).toEqual([["recovery"], [job]]);
  expect(configSchema.safeParse(others[0]).error).toBeUndefined();
});

test("docs/recovery.md: describes every key of report.json and has the table of the inputs", () => {
  const report: RecoveryReport = {
    complete: true,
    level: "project",
    stoppedBy: null,
    mode: "auto",
    since: "",
    until: null,
    summary: summarise([], 0),
    requests: { total: 0, rejected: 0, pages: 0, receiver: 0 },
    results: [],
  };
  const { summary, requests, ...plain } = report;
  const keys = [...Object.keys(plain), ...Object.keys(summary), ...Object.keys(requests)];
  for (const key of keys)
    expect(recovery, key).toMatch(new RegExp(`\`(summary|requests)?\\.?${key}(\\[\\])?\``));
  expect(recovery).toContain(inputsTable(read("templates/recover-deliveries.yml")));
});
