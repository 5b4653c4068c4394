import { describe, expect, test } from "vitest";
import type { Context } from "../../../component/report/context.ts";
import { reportFiles } from "../../../component/report/files.ts";
import {
  finalTable,
  findings,
  placeLines,
  RECOVERY_RENDERING,
} from "../../../component/report/recover-render.ts";
import {
  summarise,
  type DeliveryReport,
  type PlaceReport,
  type RecoveryReport,
} from "../../../component/recover/report.ts";

const context: Context = {
  command: "recover",
  group: "acme",
  gitlabUrl: "https://gitlab.example.com",
  dryRun: false,
  notices: [],
  trouble: null,
  job: "",
};

function delivery(more: Partial<DeliveryReport> = {}): DeliveryReport {
  return {
    id: "0c5a",
    kind: "push",
    project: "acme/app",
    at: "2026-01-31T08:00:00.000Z",
    status: "internal error",
    outcome: "recovered",
    by: "replay",
    reason: null,
    redacted: false,
    ...more,
  };
}

function place(deliveries: readonly DeliveryReport[], more: Partial<PlaceReport> = {}): PlaceReport {
  const having = (outcome: string): number => deliveries.filter((d) => d.outcome === outcome).length;
  return {
    projectId: 7,
    path: "acme/app",
    action: "recover",
    recovered: having("recovered"),
    alreadyDelivered: having("alreadyDelivered"),
    unrecoverable: having("unrecoverable"),
    outstanding: having("outstanding"),
    reason: null,
    hooks: [{ hookId: 3, url: "https://hooks.acme.dev/", woken: false, deliveries, unlogged: [] }],
    ...more,
  };
}

function report(results: readonly PlaceReport[], more: Partial<RecoveryReport> = {}): RecoveryReport {
  return {
    complete: true,
    level: "project",
    stoppedBy: null,
    mode: "auto",
    since: "2026-01-24T08:00:00.000Z",
    until: null,
    summary: summarise(results, 0),
    requests: { total: 12, rejected: 1, pages: 4, receiver: 2 },
    results,
    ...more,
  };
}

const oversize = delivery({ id: "0c5b", outcome: "unrecoverable", by: null, reason: "oversize: too big" });
const mixed = place([
  delivery(),
  delivery({ by: "resend", redacted: true }),
  delivery({ outcome: "alreadyDelivered", by: null }),
  oversize,
  oversize,
]);

function file(name: string, of: RecoveryReport, around: Context): string {
  return reportFiles(RECOVERY_RENDERING, of, around).get(name)?.() ?? "";
}

describe("placeLines()", () => {
  test("one line for a hook: how many by which way, and why the rest was not", () => {
    expect(placeLines(mixed, { dryRun: false })).toEqual([
      "~ acme/app (hook 3): 2 recovered (1 by resend, 1 by replay), 1 of them without e-mail addresses, 1 already delivered, 2 unrecoverable: 2 times oversize: too big",
    ]);
  });

  test("nothing for a place where all is well, the reason for one that failed", () => {
    expect(placeLines(place([], { action: "none" }), { dryRun: false })).toEqual([]);
    const failed = place([delivery({ outcome: "outstanding", by: null })], {
      action: "fail",
      reason: "the receiver\nanswered 503",
    });
    expect(placeLines(failed, { dryRun: false })).toEqual([
      "! acme/app (hook 3): 1 still missed",
      "! fail acme/app: the receiver answered 503",
    ]);
  });

  test("a dry run lists kind, time, id and status of each", () => {
    const lines = placeLines(place([delivery({ outcome: "outstanding", by: null }), oversize]), {
      dryRun: true,
    });
    expect(lines[0]).toBe("~ acme/app (hook 3): 1 unrecoverable: oversize: too big, 1 to be delivered");
    expect(lines.slice(1)).toEqual([
      "    2026-01-31T08:00:00.000Z push acme/app 0c5a: internal error",
      "    2026-01-31T08:00:00.000Z push acme/app 0c5b: internal error; oversize: too big",
    ]);
  });
});

describe("the files of recover", () => {
  const woken = place([delivery()], {
    path: "acme/<b>|x",
    hooks: [
      {
        hookId: 4,
        url: "https://hooks.acme.dev/",
        woken: true,
        deliveries: [delivery({ project: null, kind: "p|<i>" })],
        unlogged: [{ from: "2026-01-31T08:00:00.000Z", to: "2026-01-31T08:01:00.000Z", reason: "paused" }],
      },
    ],
  });
  const failed = place([], { action: "fail", path: "acme/broken", reason: 'said "no" & <left>' });
  const skipped = place([], { action: "skip", path: "acme/other", reason: "has no hook of ours" });
  const all = report([mixed, woken, failed, skipped]);

  test("report.json is the report itself", () => {
    expect(JSON.parse(file("report.json", all, context))).toEqual(all);
    expect(all.summary).toEqual({
      projects: 4,
      hooks: 4,
      missed: 6,
      recovered: 3,
      alreadyDelivered: 1,
      unrecoverable: 2,
      outstanding: 0,
      redacted: 1,
      woken: 1,
      unloggedWindows: 1,
      skipped: 1,
      failed: 1,
      remaining: 0,
    });
  });

  test("report.md cannot be broken by what GitLab said", () => {
    const text = file("report.md", all, { ...context, notices: ["a | notice"] });
    expect(text).toContain("## Missed webhooks of acme\n");
    expect(text).toContain("- a \\| notice");
    expect(text).toContain(
      "| acme/&lt;b>\\|x | p\\|&lt;i> | 2026-01-31T08:00:00.000Z | internal error | recovered (replay) |  |",
    );
    expect(text).toContain("- acme/&lt;b>|x: 2026".replace("|", "\\|"));
    expect(text).toContain("| acme/broken |");
    const many = report([place(Array.from({ length: 600 }, () => delivery()))]);
    expect(file("report.md", many, context)).toContain("100 more in report.json.");
  });

  test("junit.xml: a case per place, failures and skips as such, well formed", () => {
    const text = file("junit.xml", all, { ...context, trouble: "GitLab is down" });
    expect(text).toContain('<testsuites tests="5" failures="2" skipped="1" errors="0">');
    expect(text).toContain(
      '<failure message="said &quot;no&quot; &amp; &lt;left&gt;">said &quot;no&quot; &amp; &lt;left&gt;</failure>',
    );
    expect(text).toContain('name="acme/other"><skipped message="has no hook of ours"/>');
    expect(text).toContain('name="the run"><failure message="GitLab is down">GitLab is down</failure>');
    expect(text.match(/<testcase /g)).toHaveLength(5);
    expect(text).not.toMatch(/name="acme\/<b>/);
  });

  test("hooks.env: names of its own", () => {
    const lines = file("hooks.env", all, context).trim().split("\n");
    expect(lines).toContain("HOOKS_RECOVERY_RECOVERED=3");
    expect(lines.every((line) => /^HOOKS_RECOVERY_[A-Z_]+=\S*$/.test(line))).toBe(true);
  });
});

test("finalTable() says how the run ended", () => {
  expect(finalTable(report([mixed]), context)).toContain("unrecoverable             2");
  expect(finalTable(report([]), context)).toMatch(/run complete$/);
  const stopped = report([], { complete: false, stoppedBy: "time-limit" });
  expect(finalTable(stopped, context)).toMatch(
    /stopped early by the time-limit: the next run goes on from there$/,
  );
  expect(finalTable(stopped, { ...context, dryRun: true })).toMatch(/give it more time$/);
  expect(finalTable(report([], { complete: false }), { ...context, trouble: "GitLab is down" })).toMatch(
    /ended early: GitLab is down$/,
  );
});

test("findings() names what nobody can bring back", () => {
  expect(findings(report([place([delivery()])]))).toEqual([]);
  expect(findings(report([mixed]))[0]).toContain("[REDACTED]");
});
