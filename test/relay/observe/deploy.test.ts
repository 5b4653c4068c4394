/** Alert rules and dashboard only use metrics that the relay has, and Prometheus' own tool agrees with the rules. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { describe, expect, test } from "vitest";
import { registerActivityGauges } from "../../../relay/observe/activity/gauges.ts";
import { configSchema } from "../../../relay/config/schema.ts";
import { createMetrics } from "../../../relay/observe/metrics.ts";
import { createMemoryQueue } from "../../helpers/memory-queue.ts";
import { hasCommand } from "../../helpers/tools.ts";

const hasPromtool = hasCommand("promtool", "--version");
const path = (name: string): string => fileURLToPath(new URL(`../../../${name}`, import.meta.url));
const read = (name: string): string => readFileSync(path(name), "utf8");

/** Every name that a scrape can show. */
async function knownNames(): Promise<Set<string>> {
  const metrics = createMetrics({ queue: createMemoryQueue(), now: () => 0 });
  registerActivityGauges({
    registry: metrics.registry,
    activity: { report: () => Promise.reject(new Error("not asked")) },
    now: () => 0,
    settings: () => configSchema.parse({}).activity.prometheus,
  });
  const names = new Set<string>();
  for (const line of (await metrics.text()).split("\n")) {
    const [, name, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (name === undefined) continue;
    names.add(name);
    if (type === "histogram") for (const suffix of ["bucket", "sum", "count"]) names.add(`${name}_${suffix}`);
  }
  metrics.close();
  return names;
}

function namesIn(expression: string): string[] {
  const bare = expression.replace(/"[^"]*"/g, "").replace(/\b(by|without|on|ignoring)\s*\([^)]*\)/g, "");
  return [...bare.matchAll(/\b((?:gitlab|relay|process|nodejs)_\w+)/g)].map((match) => match[1] as string);
}

interface Dashboard {
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    readonly targets: readonly { readonly expr: string }[];
  }[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
}

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string;
      readonly expr: string;
      readonly annotations: Readonly<Record<string, string>>;
    }[];
  }[];
}

const rules = (parse(read("deploy/prometheus/alerts.yml")) as Rules).groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(read("deploy/grafana/dashboard.json")) as Dashboard;

describe("deploy/prometheus/alerts.yml", () => {
  test("uses only metrics that exist", async () => {
    const known = await knownNames();
    expect(rules.length).toBeGreaterThan(8);
    for (const rule of rules) {
      const used = namesIn(rule.expr);
      expect(used, rule.alert).not.toEqual([]);
      expect(
        used.filter((name) => !known.has(name)),
        rule.alert,
      ).toEqual([]);
    }
  });

  test("has a section in docs/operations.md for each alert", () => {
    const headings = new Set(
      [...read("docs/operations.md").matchAll(/^### (\w+)$/gm)].map((match) => match[1]),
    );
    expect(rules.map((rule) => rule.alert).filter((alert) => !headings.has(alert))).toEqual([]);
    for (const rule of rules)
      expect(rule.annotations["runbook"]).toBe(`docs/operations.md#${rule.alert.toLowerCase()}`);
  });

  test.runIf(hasPromtool)("passes promtool's check and its unit tests", () => {
    const check = spawnSync("promtool", ["check", "rules", path("deploy/prometheus/alerts.yml")], {
      encoding: "utf8",
    });
    expect(check.stdout + check.stderr).toContain("SUCCESS");
    expect(check.status).toBe(0);
    const rulesTest = spawnSync("promtool", ["test", "rules", path("deploy/prometheus/alerts.test.yml")], {
      encoding: "utf8",
    });
    expect(rulesTest.stdout + rulesTest.stderr).toContain("SUCCESS");
    expect(rulesTest.status).toBe(0);
  });

  test("has a unit test for each alert", () => {
    const tested = new Set(
      (
        parse(read("deploy/prometheus/alerts.test.yml")) as {
          tests: { alert_rule_test: { alertname: string; exp_alerts?: unknown[] }[] }[];
        }
      ).tests.flatMap((one) =>
        one.alert_rule_test.filter(({ exp_alerts }) => exp_alerts).map(({ alertname }) => alertname),
      ),
    );
    expect(rules.map((rule) => rule.alert).filter((alert) => !tested.has(alert))).toEqual([]);
  });
});

describe("deploy/grafana/dashboard.json", () => {
  test("uses only metrics that exist", async () => {
    const known = await knownNames();
    const expressions = [
      ...dashboard.panels.flatMap((panel) => panel.targets.map((target) => target.expr)),
      ...dashboard.templating.list.flatMap((one) => one.definition ?? []),
    ];
    expect(expressions.length).toBeGreaterThan(15);
    for (const expression of expressions) {
      expect(namesIn(expression), expression).not.toEqual([]);
      expect(
        namesIn(expression).filter((name) => !known.has(name)),
        expression,
      ).toEqual([]);
    }
  });

  test("has panels with ids of their own that do not overlap", () => {
    const { panels } = dashboard;
    expect(new Set(panels.map((panel) => panel.id)).size).toBe(panels.length);
    for (const [index, { gridPos: a, title }] of panels.entries()) {
      expect(a.x + a.w, title).toBeLessThanOrEqual(24);
      for (const { gridPos: b } of panels.slice(index + 1))
        expect(a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h, title).toBe(false);
    }
  });

  test.runIf(hasPromtool)("has queries that Prometheus can read", () => {
    const expressions = dashboard.panels.flatMap((panel) => panel.targets.map((target) => target.expr));
    const groups = [
      {
        name: "dashboard",
        rules: expressions.map((expr, index) => ({
          record: `panel:${index}`,
          expr: expr.replaceAll("$__rate_interval", "5m").replaceAll("$instance", ".*"),
        })),
      },
    ];
    const folder = mkdtempSync(join(tmpdir(), "relay-rules-"));
    writeFileSync(join(folder, "rules.yml"), JSON.stringify({ groups }));
    const check = spawnSync("promtool", ["check", "rules", join(folder, "rules.yml")], { encoding: "utf8" });
    rmSync(folder, { recursive: true });
    expect(check.status, check.stdout + check.stderr).toBe(0);
  });
});
