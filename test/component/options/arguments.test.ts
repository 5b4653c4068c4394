import { describe, expect, test } from "vitest";
import { loadConfig, readCommandLine, valueOf } from "../../../component/options/arguments.ts";
import { COMMANDS, OPTIONS, SECRETS, eventFlag, type Command } from "../../../component/options/config.ts";
import { helpText } from "../../../component/cli/help.ts";
import { ConfigError, type Problem } from "../../../lib/errors.ts";

const NEEDED = {
  HOOKS_GITLAB_URL: "https://gitlab.example.com",
  HOOKS_GROUP: "acme",
  HOOKS_URL: "https://hooks.acme.dev/webhooks/gitlab",
  HOOKS_GITLAB_TOKEN: "glpat-1",
};

function load(argv: readonly string[] = [], env: Record<string, string> = {}, command: Command = "install") {
  return loadConfig(command, readCommandLine([command, ...argv]), {
    env: { ...NEEDED, ...env },
    readFile: (path) => (path === "/run/secret" ? "from-a-file\n" : fail(path)),
  });
}

function fail(path: string): never {
  throw new Error(`ENOENT: ${path}`);
}

function problems(run: () => unknown): readonly Problem[] {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("loadConfig()", () => {
  test("has the documented defaults", () => {
    expect(load()).toMatchObject({
      events: ["all"],
      level: "auto",
      include: [],
      visibility: "all",
      chunkSize: 100,
      concurrency: 8,
      maxRequests: null,
      timeLimit: null,
      stateFile: null,
      reportDir: null,
      dryRun: false,
      failOnDrift: false,
      enableSslVerification: true,
      pushEventsBranchFilter: "",
      customHeaders: {},
      pruneDuplicates: true,
      reenable: true,
      output: "text",
    });
  });

  test("takes the command line before the environment, and the environment before what stands in for it", () => {
    const env = { HOOKS_CONCURRENCY: "3", HOOKS_GITLAB_URL: "", CI_SERVER_URL: "https://ci.example.com" };
    expect(load(["--concurrency", "5"], env)).toMatchObject({
      concurrency: 5,
      gitlabUrl: "https://ci.example.com",
    });
    expect(load(["--concurrency=6"], env).concurrency).toBe(6);
    expect(load([], env).concurrency).toBe(3);
  });

  test("what is empty counts as not set, on the command line too", () => {
    expect(load(["--time-limit="], { HOOKS_MAX_REQUESTS: "", HOOKS_EVENTS: "" })).toMatchObject({
      timeLimit: null,
      maxRequests: null,
      events: ["all"],
    });
  });

  test.each([
    [["--dry-run"], true],
    [["--dry-run=true"], true],
    [["--dry-run", "true"], true],
    [["--dry-run=false"], false],
    [["--dry-run", "false"], false],
    [["--no-dry-run"], false],
  ])("reads %j as dry run %j", (argv, expected) => {
    expect(load(argv, { HOOKS_DRY_RUN: String(!expected) }).dryRun).toBe(expected);
  });

  test.each(["push,merge_request", '["push", "merge_requests"]', "push , merge_requests_events ,"])(
    "reads the events %s",
    (text) => {
      expect(load(["--events", text]).events.map(eventFlag)).toEqual([
        "push_events",
        "merge_requests_events",
      ]);
    },
  );

  test("lists may hold globs that look like JSON", () => {
    expect(load(["--include", "[ab]*,{x}/**"]).include).toEqual(["[ab]*", "{x}/**"]);
  });

  test.each([
    ["X-Team: platform, X-Zone: eu", { "X-Team": "platform", "X-Zone": "eu" }],
    ['{"X-Team": "a, b"}', { "X-Team": "a, b" }],
    ['["X-Team: a, b"]', { "X-Team": "a, b" }],
  ])("reads the custom headers %s", (text, expected) => {
    expect(load([], { HOOKS_CUSTOM_HEADERS: text }).customHeaders).toEqual(expected);
  });

  test("names every problem at once, with both names of the option, and shows no secret", () => {
    const found = problems(() =>
      load(
        [
          "--evnts",
          "--chunk-size",
          "101",
          "--concurrency=zero",
          "--level",
          "team",
          "--events",
          "psh",
          "word",
        ],
        {
          HOOKS_URL: "ftp://hooks.acme.dev",
          HOOKS_GROUP: "",
          HOOKS_GITLAB_TOKEN: "",
          HOOKS_CUSTOM_HEADERS: "value-without-name-5561",
          HOOKS_MAX_REQUESTS: "-1",
          GITLAB_WEBHOOK_SIGNING_TOKEN: "whsec_tooshort",
          GITLAB_WEBHOOK_SECRET_FILE: "/missing",
        },
      ),
    );
    const paths = found.map((p) => p.path);
    expect(paths).toEqual(
      expect.arrayContaining([
        "--evnts",
        "--chunk-size (HOOKS_CHUNK_SIZE)",
        "--concurrency (HOOKS_CONCURRENCY)",
        "--level (HOOKS_LEVEL)",
        "--events (HOOKS_EVENTS)",
        "--url (HOOKS_URL)",
        "--group (HOOKS_GROUP)",
        "--custom-headers (HOOKS_CUSTOM_HEADERS)",
        "--max-requests (HOOKS_MAX_REQUESTS)",
        "HOOKS_GITLAB_TOKEN",
        "GITLAB_WEBHOOK_SIGNING_TOKEN",
        "GITLAB_WEBHOOK_SECRET",
      ]),
    );
    const text = found.map((p) => p.message).join("\n");
    expect(text).toContain('"psh"');
    expect(text).not.toContain("value-without-name-5561");
    expect(text).not.toContain("whsec_tooshort");
  });

  test.each([
    ["--url", "https://user:pass@hooks.acme.dev", "credentials"],
    ["--url", "https://hooks.acme.dev/#x", "fragment"],
    ["--gitlab-url", "gitlab.example.com", "http"],
    ["--time-limit", "0", "above 0"],
    ["--events", "repository_update", "unknown event"],
    ["--custom-headers", Array.from({ length: 21 }, (_, n) => `X-A${n}: b`).join(","), "at most 20"],
  ])("refuses %s %s", (option, value, words) => {
    expect(problems(() => load([option, value]))[0]?.message).toContain(words);
  });

  test("refuses an option of another command, and asks uninstall for no --url", () => {
    expect(problems(() => load(["--cron", "* * * * *"]))).toEqual([
      { path: "--cron", message: "is not an option of install" },
    ]);
    expect(load([], { HOOKS_URL: "" }, "uninstall").url).toBeNull();
    expect(problems(() => load([], { HOOKS_URL: "" }))[0]?.message).toBe("is required");
  });

  test("reads secrets from the environment or files; hooks are written with the first of several", () => {
    const config = load([], {
      HOOKS_GITLAB_TOKEN: "glpat-1, glpat-2,glpat-1",
      GITLAB_WEBHOOK_SECRET: "new,old",
      GITLAB_WEBHOOK_MASTER_SECRET_FILE: "/run/secret",
    });
    expect(config.gitlabTokens).toEqual(["glpat-1", "glpat-2"]);
    expect(config.secrets).toEqual({ secretToken: "new", signingToken: null, masterSecret: "from-a-file" });
  });

  test("an option may come from a file too, and from one place only", () => {
    expect(load([], { HOOKS_STATE_FILE: "x", HOOKS_DESCRIPTION: "ignored by install" }).stateFile).toBe("x");
    expect(load([], { HOOKS_PUSH_EVENTS_BRANCH_FILTER_FILE: "/run/secret" }).pushEventsBranchFilter).toBe(
      "from-a-file",
    );
    const both = { HOOKS_EVENTS: "push", HOOKS_EVENTS_FILE: "/run/secret" };
    expect(problems(() => load([], both))[0]?.message).toContain("not both");
  });
});

describe("readCommandLine()", () => {
  test("finds the command wherever it stands, and what needs a value", () => {
    const line = readCommandLine(["--dry-run", "install", "--group"]);
    expect(line.command).toBe("install");
    expect(line.problems).toEqual([{ path: "--group", message: "needs a value" }]);
  });

  test("knows --help, -h and --version", () => {
    expect(readCommandLine(["-h"]).help).toBe(true);
    expect(readCommandLine(["install", "--help", "--version"])).toMatchObject({ help: true, version: true });
  });
});

test("valueOf() leaves what does not parse as text", () => {
  expect(valueOf({ type: "number" }, "12x")).toBe("12x");
  expect(valueOf({ type: "boolean" }, "maybe")).toBe("maybe");
  expect(valueOf({ type: "list" }, '[1, {"a": 2}]')).toEqual(["1", '{"a":2}']);
});

describe("the table of options", () => {
  test("names are unique, and defaults are what the schema makes of nothing", () => {
    expect(new Set(OPTIONS.map((row) => row.env)).size).toBe(OPTIONS.length);
    for (const row of OPTIONS) {
      if (row.key === "customHeaders") continue;
      expect([row.name, row.schema.parse(undefined)]).toEqual([row.name, row.default]);
    }
  });

  test("holds every option of the contract under its name", () => {
    const contract =
      "gitlab-url group url events level include exclude topics visibility chunk-size concurrency max-requests time-limit state-file report-dir dry-run fail-on-drift enable-ssl-verification push-events-branch-filter custom-headers prune-duplicates reenable output";
    const names = OPTIONS.filter((row) => row.commands.includes("install")).map((row) => row.name);
    expect(names).toEqual(contract.split(" "));
    expect(OPTIONS.find((row) => row.name === "chunk-size")?.env).toBe("HOOKS_CHUNK_SIZE");
  });

  test("choices and regular expressions agree with the schema", () => {
    for (const row of OPTIONS) {
      for (const value of row.options ?? []) expect(row.schema.safeParse(value).success).toBe(true);
      if (row.regex !== undefined && row.example !== undefined)
        expect(row.example).toMatch(new RegExp(row.regex));
    }
  });
});

test("helpText() explains every option, secret and exit status, within 110 columns", () => {
  const text = helpText("1.2.3", null);
  for (const row of OPTIONS) expect(text).toContain(`--${row.name}`);
  for (const row of SECRETS) expect(text).toContain(row.env);
  for (const command of COMMANDS) expect(text).toContain(`  ${command}`);
  expect(text).toContain(" 75  stopped early");
  expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(110);
  expect(helpText("1.2.3", "schedule")).not.toContain("--chunk-size");
});
