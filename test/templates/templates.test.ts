/** Every template against what GitLab 17.0 takes, as far as it can be read off the file. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { componentInput } from "./inputs.ts";
import type { Command } from "../../component/options/row.ts";
import { resultPrefix } from "../../component/report/formats.ts";
import { OPTIONS, SECRETS } from "../../component/options/table.ts";
import { newestVersion } from "../../scripts/docs/release.ts";
import { parseTemplate, type Input } from "../../scripts/docs/inputs.ts";
import { blocksOf, inputProblem, render } from "./gitlab.ts";

const root = new URL("../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");
const files = readdirSync(new URL("templates/", root));
const version = newestVersion(read("CHANGELOG.md"));

/** Keywords of a job in 17.0, without those that hurt in a component (before_script and after_script are the consumer's). */
const JOB_KEYWORDS = new Set(
  "allow_failure artifacts cache coverage dependencies environment extends hooks id_tokens identity image inherit interruptible needs pages parallel release resource_group retry rules script secrets services stage tags timeout trigger variables when".split(
    " ",
  ),
);
const RULE_KEYWORDS = new Set([
  "if",
  "changes",
  "exists",
  "when",
  "allow_failure",
  "variables",
  "needs",
  "interruptible",
]);
const GLOBAL_KEYWORDS = [
  "default",
  "include",
  "stages",
  "variables",
  "workflow",
  "image",
  "services",
  "cache",
  "before_script",
  "after_script",
  "pages",
];
const REQUIRED = { group: "acme", url: "https://hooks.acme.dev/webhooks/gitlab" };

test("templates/ holds components and nothing else", () => {
  expect(files).toEqual(expect.arrayContaining(["install-hooks.yml", "recover-deliveries.yml"]));
  expect(files.filter((f) => !/^[a-z-]+\.yml$/.test(f))).toEqual([]);
});

describe.each(files)("templates/%s", (file) => {
  const text = read(`templates/${file}`);
  const { inputs, configuration } = parseTemplate(text);
  const [jobs, job] = (() => {
    const rendered = render(text, REQUIRED);
    return [rendered, rendered.get(String(inputs.get("as")?.default))];
  })();

  test("spec:inputs: strings are limited by options or a regular expression, other types are not", () => {
    for (const [name, input] of inputs) {
      const limited = input.options !== undefined || input.regex !== undefined;
      expect(limited, name).toBe(input.type === "string");
    }
  });

  test("spec:inputs: defaults are of their type, allowed, and below 1 KB", () => {
    for (const [name, input] of inputs) {
      if (input.default === undefined) continue;
      expect(inputProblem(name, input, input.default)).toBe(null);
      expect(JSON.stringify(input.default).length, name).toBeLessThan(1024);
    }
  });

  test("spec:inputs: regular expressions are within RE2: no lookaround, no back references", () => {
    for (const [name, input] of inputs) {
      expect(input.regex ?? "", name).not.toMatch(/\(\?[=!<]|\\[1-9]|\\k</);
    }
  });

  test("spec:inputs: only what no default could know is required", () => {
    const required = [...inputs].filter(([, i]) => i.default === undefined).map(([name]) => name);
    expect(required).toEqual(["url"]);
  });

  test("every input is used, and every block is an input", () => {
    const used = new Set(blocksOf(JSON.stringify(configuration)));
    expect([...used].filter((name) => !inputs.has(name))).toEqual([]);
    expect([...inputs.keys()].filter((name) => !used.has(name))).toEqual([]);
  });

  test("the configuration is one job that shows, named by an input, without global keywords", () => {
    expect([...jobs.keys()]).toEqual([inputs.get("as")?.default]);
    expect(GLOBAL_KEYWORDS.filter((keyword) => jobs.has(keyword))).toEqual([]);
  });

  test("the job and its rules hold known keywords only", () => {
    expect(Object.keys(job ?? {}).filter((key) => !JOB_KEYWORDS.has(key))).toEqual([]);
    const inRules = (job?.rules ?? []).flatMap((rule) => Object.keys(rule));
    expect(inRules.filter((key) => !RULE_KEYWORDS.has(key))).toEqual([]);
    expect(job?.rules.length, "GitLab refuses an empty list").toBeGreaterThan(0);
  });

  test("a text holds one block at most: GitLab looks at the first one only", () => {
    const texts: string[] = [];
    JSON.stringify(configuration, (key, value: unknown) => {
      texts.push(key, ...(typeof value === "string" ? [value] : []));
      return value;
    });
    expect(texts.filter((one) => blocksOf(one).length > 1)).toEqual([]);
  });

  test("default: of the consumer's, only tags are taken over, and they hold where the input is empty", () => {
    expect(job).toMatchObject({ inherit: { default: ["tags"] } });
    expect(job).not.toHaveProperty("tags");
    const lists = [["docker"], ["a b", 'it\'s "odd"', "$TAG", "#{x}", "back\\slash"]];
    for (const tags of lists)
      expect([...render(text, { ...REQUIRED, tags }).values()][0]?.["tags"]).toEqual(tags);
  });

  test("report-dir: follows the job's name, so that two inclusions have two folders", () => {
    const value = String(inputs.get("report-dir")?.default);
    expect(value).toContain("$CI_JOB_NAME_SLUG");
    expect(job?.variables["HOOKS_REPORT_DIR"]).toBe(value);
    expect(job).toMatchObject({
      artifacts: { paths: [`${value}/`], reports: { dotenv: `${value}/hooks.env` } },
    });
  });

  test("as: hooks.env has the usual names for the usual job", () => {
    expect(resultPrefix("X_", String(inputs.get("as")?.default))).toBe("X_");
    expect(job?.variables["HOOKS_AS"]).toBe(inputs.get("as")?.default);
  });

  test("script: no input is spliced in", () => {
    const source = Object.values(configuration as Record<string, { script: unknown }>)[0];
    expect(JSON.stringify(source?.script)).not.toContain("$[[");
  });

  test("variables: each is text or a whole number, whatever the inputs", () => {
    for (const [name, value] of Object.entries(job?.variables ?? {})) {
      expect(typeof value === "string" || Number.isInteger(value), name).toBe(true);
    }
  });

  test("secrets: neither an input nor a variable of the job", () => {
    for (const { env } of SECRETS) {
      expect(job?.variables, env).not.toHaveProperty(env);
      expect(
        inputs.has(
          env
            .toLowerCase()
            .replaceAll("_", "-")
            .replace(/^hooks-/, ""),
        ),
        env,
      ).toBe(false);
    }
  });

  test("image: the newest version that exists, on the registry of the instance, and no other host", () => {
    expect(inputs.get("image")?.default).toMatch(/^\$CI_REGISTRY\//);
    expect(inputs.get("image")?.default).toMatch(new RegExp(`:${version.replaceAll(".", "\\.")}$`));
    const hosts = [...text.matchAll(/https?:\/\/([\w.-]+)/g)].map((m) => m[1]);
    expect(hosts.filter((host) => host !== "hooks.acme.dev")).toEqual([]);
  });

  test("job: not interruptible, one at a time, reports always kept, early stops only a warning", () => {
    expect(job).toMatchObject({
      interruptible: false,
      resource_group: "gitlab-hook-relay",
      allow_failure: { exit_codes: [75] },
      artifacts: { when: "always", reports: { junit: expect.any(String), dotenv: expect.any(String) } },
    });
  });

  test("variables: every option of the installer is an input of the same name, type, default and description", () => {
    const command = /^gitlab-hook-relay (\w+)$/.exec(job?.script.at(-1) ?? "")?.[1];
    const own = OPTIONS.filter((row) => row.commands.some((c) => c === command));
    expect(own).not.toEqual([]);
    for (const row of own) {
      expect(inputs.get(row.name), row.name).toEqual(componentInput(row, command as Command));
      if (row.example !== undefined && row.type === "text") {
        expect(inputProblem(row.name, inputs.get(row.name) as Input, row.example)).toBe(null);
      }
      const source = Object.values(configuration as Record<string, { variables: Record<string, string> }>)[0];
      expect(blocksOf(source?.variables[row.env] ?? ""), row.env).toEqual([row.name]);
    }
    const named = Object.keys(job?.variables ?? {}).filter((name) => name.startsWith("HOOKS_"));
    expect(named.filter((name) => !own.some((row) => row.env === name))).toEqual([
      "HOOKS_AS",
      "HOOKS_DRY_RUN_ON_MERGE_REQUESTS",
    ]);
  });
});
