import { describe, expect, test } from "vitest";
import { eventFlag } from "../../../component/options/checks.ts";
import { readCommandLine } from "../../../component/options/command-line.ts";
import { loadConfig } from "../../../component/options/load.ts";
import { COMMANDS, type Command } from "../../../component/options/row.ts";
import { OPTIONS, SECRETS } from "../../../component/options/table.ts";
import { readOptionValue } from "../../../component/options/values.ts";
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

  test("refuses --system-events without the level that has such events; the default of the component passes", () => {
    const given = ["--system-events", "push"];
    expect(problems(() => load([...given, "--level", "group"]))).toEqual([
      {
        path: "--system-events (HOOKS_SYSTEM_EVENTS)",
        message: "has an effect with --level instance only",
      },
    ]);
    expect(problems(() => load(given))).toHaveLength(1);
    expect(load([...given, "--level", "instance"]).systemEvents).toEqual(["push"]);
    expect(load([], { HOOKS_SYSTEM_EVENTS: "all " }).systemEvents).toEqual(["all"]);
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

describe("loadConfig() adds up or refuses what is given twice", () => {
  test("lists add up, in each of their notations", () => {
    const argv = ["--exclude", "acme/a", "--exclude=acme/b,acme/c", "--exclude", '["acme/d"]', "--exclude="];
    expect(load(argv).exclude).toEqual(["acme/a", "acme/b", "acme/c", "acme/d"]);
  });

  test("a list on the command line takes the place of the environment's", () => {
    expect(load(["--exclude", "acme/a"], { HOOKS_EXCLUDE: "acme/b" }).exclude).toEqual(["acme/a"]);
  });

  test.each([
    ["--level", ["--level", "group", "--level", "project"]],
    ["--dry-run", ["--dry-run", "--no-dry-run"]],
    ["--concurrency", ["--concurrency=1", "--concurrency", "2"]],
  ])("%s takes one value", (name, argv) => {
    const [problem] = problems(() => load(argv));
    expect(problem?.path).toContain(name);
    expect(problem?.message).toBe("is given 2 times and takes one value");
  });
});

describe("loadConfig() makes addresses and paths uniform", () => {
  test.each([
    "https://gitlab.example.com/gitlab/api/v4",
    "https://gitlab.example.com/gitlab/api/v4/",
    " https://gitlab.example.com/gitlab/ ",
  ])("--gitlab-url %s is the instance", (url) => {
    expect(load(["--gitlab-url", url]).gitlabUrl).toBe("https://gitlab.example.com/gitlab");
  });

  test.each([
    "acme/team-1",
    "/acme/team-1",
    "acme/team-1/",
    "//acme//team-1/",
    "acme%2Fteam-1",
    "acme%2fteam-1",
  ])("--group %s is acme/team-1", (group) => {
    expect(load(["--group", group]).group).toBe("acme/team-1");
  });

  test("--group refuses an address and says the path in it", () => {
    const [problem] = problems(() =>
      load(["--group", "https://gitlab.example.com/groups/acme/team-1/-/hooks"]),
    );
    expect(problem?.message).toContain('write "acme/team-1"');
  });
});

test("loadConfig() refuses unknown variables of ours with the nearest name, and lets the relay's pass", () => {
  expect(problems(() => load([], { HOOKS_DRYRUN: "true", GITLAB_WEBHOOK_SECRETS: "x" }))).toEqual([
    {
      path: "GITLAB_WEBHOOK_SECRETS",
      message: "is not a variable of this program; did you mean GITLAB_WEBHOOK_SECRET?",
    },
    { path: "HOOKS_DRYRUN", message: "is not a variable of this program; did you mean HOOKS_DRY_RUN?" },
  ]);
  expect(
    load([], { RELAY_ADMIN_TOKEN: "x", HOOKS_RESULT_CREATED: "1", HOOKS_GITLAB_READ_TOKEN: "x" }).group,
  ).toBe("acme");
});

test.each(SECRETS.map((row) => row.env))(
  "loadConfig() refuses the path of a file as %s, without saying it",
  (env) => {
    const [problem, ...others] = problems(() => load([], { [env]: "/run/secret" }));
    expect(problem?.path).toBe(env);
    expect(problem?.message).toContain(`${env}_FILE`);
    expect(problem?.message).not.toContain("/run/secret");
    expect(others).toEqual([]);
  },
);

test.each(["HOOKS_EXCLUDE", "HOOKS_GROUP", "HOOKS_CUSTOM_HEADERS", "HOOKS_TOPICS"])(
  "loadConfig() refuses the path of a file as %s: a variable of type File",
  (env) => {
    const [problem] = problems(() => load([], { [env]: "/run/secret" }));
    expect(problem?.message).toContain(`${env}_FILE`);
  },
);

test.each([
  ['["X-Team: a\nX-Evil: b"]', "line break"],
  ["X-Gitlab-Token: abc", "GITLAB_WEBHOOK_SECRET"],
  ["X-Gitlab-Event: Push Hook", "GitLab sets"],
  ["X-Team: a, x-team: b", "second header"],
  ["X--Team: a", "no header's"],
  ["X-Team:", "missing"],
])("loadConfig() refuses the custom headers %s", (text, words) => {
  const [problem] = problems(() => load([], { HOOKS_CUSTOM_HEADERS: text }));
  expect(problem?.message).toContain(words);
});

describe("readCommandLine()", () => {
  test.each([
    [["install", "--gruop", "acme"], "--gruop", "unknown option; did you mean --group?"],
    [["install", "--gruop=acme"], "--gruop", "unknown option; did you mean --group?"],
    [["--dryrun", "install"], "--dryrun", "unknown option; did you mean --dry-run?"],
    [["install", "--no-group"], "--no-group", "unknown option; did you mean --group?"],
    [["install", "--zzzzzzzz"], "--zzzzzzzz", "unknown option"],
  ])("%j is one problem, with the option that was meant", (argv, path, message) => {
    const line = readCommandLine(argv);
    expect(line.problems).toEqual([{ path, message }]);
    expect(line.command).toBe("install");
  });

  test("an option in the place of a value is no value", () => {
    const line = readCommandLine(["install", "--group", "--url", "https://x"]);
    expect(line.problems[0]?.message).toBe(
      "needs a value; one that begins with a dash is written --group=--url",
    );
    expect(readCommandLine(["install", "--group=-acme"]).given.get("group")).toEqual(["-acme"]);
  });

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

test("readOptionValue() leaves what does not parse as text", () => {
  expect(readOptionValue("number", "12x")).toEqual({ value: "12x" });
  expect(readOptionValue("boolean", "maybe")).toEqual({ value: "maybe" });
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
      "gitlab-url group url events level system-events include exclude topics visibility chunk-size concurrency max-requests time-limit state-file report-dir dry-run fail-on-drift allow-empty remove-secrets enable-ssl-verification push-events-branch-filter custom-headers prune-duplicates reenable output";
    const names = OPTIONS.filter((row) => row.commands.includes("install")).map((row) => row.name);
    expect(names).toEqual(contract.split(" "));
    expect(OPTIONS.find((row) => row.name === "chunk-size")?.env).toBe("HOOKS_CHUNK_SIZE");
  });

  test("choices and regular expressions agree with the schema", () => {
    for (const row of OPTIONS) {
      for (const value of row.choices ?? []) expect(row.schema.safeParse(value).success).toBe(true);
      const regexes = [row.pattern?.regex, row.input?.regex].filter((regex) => regex !== undefined);
      for (const regex of row.example === undefined ? [] : regexes)
        expect(row.example).toMatch(new RegExp(regex));
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

describe("a merge request's pipeline", () => {
  const given = (env: Record<string, string>, ...args: string[]) =>
    load(args, { HOOKS_DRY_RUN: "false", ...env });

  test.each([
    [{ CI_PIPELINE_SOURCE: "merge_request_event" }],
    [{ CI_PIPELINE_SOURCE: "external_pull_request_event" }],
    [{ CI_PIPELINE_SOURCE: "parent_pipeline", CI_MERGE_REQUEST_IID: "7" }],
    [{ CI_PIPELINE_SOURCE: "schedule", CI_MERGE_REQUEST_REF_PATH: "refs/merge-requests/7/head" }],
  ] as Record<string, string>[][])(
    "%j: loadConfig() makes it a dry run, whatever variable or option says otherwise",
    (env) => {
      expect(given(env)).toMatchObject({ dryRun: true, dryRunForced: true });
      expect(given(env, "--no-dry-run")).toMatchObject({ dryRun: true, dryRunForced: true });
      expect(given(env, "--dry-run")).toMatchObject({ dryRun: true, dryRunForced: false });
    },
  );

  test("any other pipeline applies", () => {
    const env = { CI_PIPELINE_SOURCE: "schedule", CI_MERGE_REQUEST_IID: "" };
    expect(given(env)).toMatchObject({ dryRun: false, dryRunForced: false });
  });
});
