import { describe, expect, test } from "vitest";
import { explain } from "../../../component/hooks/explain.ts";
import { Output } from "../../../component/cli/output.ts";
import type { Context } from "../../../component/report/context.ts";
import { reportFiles } from "../../../component/report/files.ts";
import {
  hooksTable,
  hasDrift,
  INSTALL_RENDERING,
  resultLine,
  summariseResults,
  type InstallReport,
} from "../../../component/report/report.ts";
import { changesText } from "../../../component/hooks/change-text.ts";
import type { HookResult } from "../../../component/hooks/result.ts";
import { OPTIONS } from "../../../component/options/table.ts";
import { UpstreamError } from "../../../lib/errors.ts";

function file(name: string, of: InstallReport, around: Context): string {
  return reportFiles(INSTALL_RENDERING, of, around).get(name)?.() ?? "";
}

function result(projectId: number, action: HookResult["action"], rest: Partial<HookResult> = {}): HookResult {
  return {
    projectId,
    path: `acme/p${projectId}`,
    action,
    changes: [],
    reason: null,
    hookId: projectId * 10,
    ...rest,
  };
}

const results: readonly HookResult[] = [
  result(1, "create"),
  result(2, "update", { changes: [{ attribute: "push_events", from: false, to: true }] }),
  result(3, "none"),
  result(4, "remove"),
  result(5, "skip", { reason: "archived", hookId: null }),
  result(6, "fail", { reason: 'GET x: 403 <b>"no"</b> | \u0001\nline & more', hookId: null }),
];

const report: InstallReport = {
  complete: false,
  level: "project",
  stoppedBy: "rate-limit",
  summary: summariseResults(results, 4),
  requests: { total: 17, rejected: 2 },
  results,
};

const context: Context = {
  command: "install",
  group: "acme",
  gitlabUrl: "https://gitlab.example.com",
  dryRun: false,
  notices: ["level project: because"],
  trouble: null,
  job: "",
};

test("summariseResults() counts each action once, and what is left belongs to the whole", () => {
  expect(report.summary).toEqual({
    projects: 10,
    created: 1,
    updated: 1,
    unchanged: 1,
    removed: 1,
    skipped: 1,
    failed: 1,
    remaining: 4,
  });
  expect(summariseResults([], null)).toMatchObject({ projects: 0, remaining: null });
  expect([hasDrift(report.summary), hasDrift(summariseResults([result(1, "none")], 0))]).toEqual([
    true,
    false,
  ]);
});

describe("resultLine()", () => {
  test("has one line for what changed or failed, and none for the rest", () => {
    expect(results.map(resultLine)).toEqual([
      "+ create acme/p1 (hook 10)",
      "~ update acme/p2 (hook 20): events added: push",
      null,
      "- remove acme/p4 (hook 40)",
      null,
      '! fail acme/p6: GET x: 403 <b>"no"</b> |  line & more',
    ]);
    expect(resultLine(result(3, "none", { reason: "why" }))).toBe("= none acme/p3 (hook 30): why");
  });

  test.each([
    [[{ attribute: "name", from: "a b", to: null }], 'name: "a b" -> nothing'],
    [
      [
        { attribute: "push_events", from: false, to: true },
        { attribute: "job_events", from: true, to: false },
        { attribute: "merge_requests_events", from: null, to: true },
        { attribute: "secrets", from: "2d88", to: "2339" },
      ],
      "events added: push, merge_requests; events removed: job; secret: changed",
    ],
    [[{ attribute: "token_present", from: false, to: true }], "secret token: missing"],
    [[{ attribute: "duplicate", from: 7, to: null }], "duplicate hook 7 removed"],
    [[{ attribute: "hook", from: 497, to: null }], ""],
  ])("changesText() says %j in words", (changes, words) => {
    expect(changesText(changes)).toBe(words);
  });
});

describe("report files", () => {
  test("report.json holds every key, with null where there is nothing to say", () => {
    const text = file("report.json", report, context);
    const parsed = JSON.parse(text) as InstallReport;
    expect(parsed).toEqual(report);
    expect(Object.keys(parsed)).toEqual(["complete", "level", "stoppedBy", "summary", "requests", "results"]);
    for (const row of parsed.results) {
      expect(Object.keys(row)).toEqual(["projectId", "path", "action", "changes", "reason", "hookId"]);
    }
  });

  test("report.md cannot be broken by what GitLab said", () => {
    const text = file("report.md", report, context);
    const row = text.split("\n").find((line) => line.startsWith("| acme/p6"));
    expect(row).toBe('| acme/p6 | fail |  |  | GET x: 403 &lt;b>"no"&lt;/b> \\|  line & more |');
    expect(text).toContain("- level project: because");
    expect(text).toContain("- acme/p5: archived");
  });

  test("report.md says how many rows it leaves out", () => {
    const many = Array.from({ length: 700 }, (_, n) => result(n + 1, "create"));
    const skipped = Array.from({ length: 600 }, (_, n) => result(n + 1000, "skip"));
    const text = file("report.md", { ...report, results: [...many, ...skipped] }, context);
    expect(text).toContain("200 more in report.json.");
    expect(text).toContain("- 100 more in report.json");
  });

  test("junit.xml escapes, counts, and names the trouble of the run", () => {
    const text = file("junit.xml", report, { ...context, trouble: "GitLab is down" });
    expect(text).toContain('tests="7" failures="2" skipped="1"');
    expect(text).toContain("&lt;b&gt;&quot;no&quot;&lt;/b&gt; |  line &amp; more");
    expect(text).toContain('name="the run"><failure message="GitLab is down">GitLab is down</failure>');
    expect(text).not.toContain("\u0001");
  });

  test("hooks.env of a component's job has the job's name in its names, unless that is the usual one", () => {
    const names = (job: string): string[] =>
      file("hooks.env", report, { ...context, job })
        .trim()
        .split("\n")
        .map((line) => line.split("=")[0] as string);
    expect(names("install-hooks")).toEqual(names(""));
    expect(names("hooks of acme/2")).toContain("HOOKS_RESULT_HOOKS_OF_ACME_2_CREATED");
    expect(names("веб")[0]).toMatch(/^HOOKS_RESULT_[0-9A-F]{8}_COMPLETE$/);
    const both = [...names("hooks-acme"), ...names("hooks-labs")];
    expect(new Set(both).size).toBe(both.length);
    // GitLab's limit on self-managed instances.
    expect(names("hooks-acme").length).toBeLessThanOrEqual(20);
  });

  test("hooks.env has variables that no option reads", () => {
    const lines = file("hooks.env", report, context).trim().split("\n");
    expect(lines).toContain("HOOKS_RESULT_STOPPED_BY=rate-limit");
    expect(lines).toContain("HOOKS_RESULT_REMAINING=4");
    expect(
      file("hooks.env", { ...report, summary: summariseResults([], null), stoppedBy: null }, context),
    ).toContain("HOOKS_RESULT_REMAINING=\n");
    const known = new Set(OPTIONS.map((row) => row.env));
    for (const line of lines) {
      expect(line).toMatch(/^[A-Z_]+=[\w-]*$/);
      expect(known.has(line.split("=")[0] as string)).toBe(false);
    }
  });
});

describe("hooksTable()", () => {
  test.each([
    [{ complete: true, stoppedBy: null }, {}, "run complete"],
    [{ complete: true, stoppedBy: null }, { dryRun: true }, "plan complete"],
    [{}, {}, "run stopped early by the rate-limit: the next run goes on from there"],
    [{ stoppedBy: null }, { trouble: "GitLab is down" }, "run ended early"],
  ] as const)("ends with how it ended", (change, more, words) => {
    expect(
      hooksTable({ ...report, ...change }, { ...context, ...more })
        .split("\n")
        .at(-1),
    ).toBe(words);
  });
});

test("hooksTable() of a plan speaks of what is to be done, and says how long it took", () => {
  const text = hooksTable(report, { ...context, dryRun: true }, 83_400);
  expect(text).toMatch(/to create +1\n.*to update +1\n/);
  expect(text).toMatch(/\(2 rejected, 0 a second\)\n {2}time +1:23 min\n/);
});

describe("Output", () => {
  function logOf(folds: boolean, rows: readonly HookResult[] = results): string {
    let text = "";
    const output = new Output({
      say: (more) => (text += more),
      folds,
      now: () => 1_700_000_000_500,
      monotonic: () => 0,
      terminal: null,
    });
    output.begin("title", []);
    for (const row of rows) output.result(row);
    output.notice("note");
    output.end({ ...report, results: rows }, { ...context, trouble: "bad" });
    return text;
  }

  test("writes GitLab's section markers where the log folds, each opened one closed", () => {
    const text = logOf(true);
    expect(text).toContain("\u001b[0Ksection_start:1700000000:hooks_projects\r\u001b[0KProjects");
    expect(text).toContain("section_start:1700000000:hooks_skipped[collapsed=true]");
    const names = (kind: string): string[] =>
      [...text.matchAll(new RegExp(`section_${kind}:\\d+:(\\w+)`, "g"))].map((m) => m[1] ?? "");
    expect(names("end")).toEqual(names("start"));
  });

  test("writes plain lines elsewhere, and few of what was skipped", () => {
    const skipped = Array.from({ length: 30 }, (_, n) => result(n, "skip", { reason: "archived" }));
    const text = logOf(false, skipped);
    expect(text).not.toContain("\u001b");
    expect(text).toContain(". 10 more");
    expect(text).toContain("! bad");
  });
});

describe("explain()", () => {
  const refusal = (code: string, message: string): UpstreamError =>
    new UpstreamError(code, message, { retryable: false });
  test.each([
    [refusal("invalid", "POST /x: 422 Invalid url given"), "project", "outbound allowlist"],
    [
      refusal("invalid", "POST /x: 422 Maximum number of project hooks (100) exceeded"),
      "project",
      "hook limit",
    ],
    [
      refusal("invalid", "POST /x: 422 Invalid branch filter given"),
      "project",
      "--push-events-branch-filter",
    ],
    [refusal("forbidden", "GET /x: 403 insufficient_scope"), "project", "scope `api`"],
    [refusal("forbidden", "GET /x: 403 Forbidden"), "project", "Maintainer"],
    [refusal("forbidden", "GET /x: 403 Forbidden"), "group", "Owner"],
    [refusal("not-found", "GET /x: 404 Not found"), "group", "Premium"],
    [refusal("unavailable", "GET /x: 500"), "project", "next run"],
  ] as const)("%s on a %s: %s", (error, level, words) => {
    expect(explain(error, level)).toContain(error.message);
    expect(explain(error, level)).toContain(words);
  });

  test("leaves alone what it does not know", () => {
    expect(explain(refusal("invalid", "PUT /x: 422 odd"), "project")).toBe("PUT /x: 422 odd");
  });
});
