/**
 * Today's activity for Prometheus, if the settings ask for it. The number of series is bounded: the busiest projects have their
 * own, the rest is `other`.
 */
import type { Registry } from "prom-client";
import { UpstreamError } from "../../../lib/errors.ts";
import type { Config } from "../../config/schema.ts";
import { registerReadGauge } from "../read-gauge.ts";
import type { Activity } from "./activity.ts";
import { everythingOf, type Figures, type Report } from "./report.ts";
import { dayOf } from "./tally.ts";

interface GaugeDeps {
  readonly registry: Registry;
  readonly activity: Pick<Activity, "report">;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  readonly settings: () => Config["activity"]["prometheus"];
}

type Part = readonly [labels: Readonly<Record<string, string>>, value: (figures: Figures) => number];

const GAUGES: readonly {
  readonly name: string;
  readonly help: string;
  readonly label: string | null;
  readonly parts: readonly Part[];
}[] = [
  {
    name: "relay_activity_commits",
    help: "Commits pushed today (UTC).",
    label: null,
    parts: [[{}, (f) => f.commits]],
  },
  {
    name: "relay_activity_merge_requests",
    help: "Merge requests of today (UTC), by what was done to them.",
    label: "action",
    parts: [
      [{ action: "opened" }, (f) => f.mergeRequests.opened],
      [{ action: "merged" }, (f) => f.mergeRequests.merged],
      [{ action: "closed" }, (f) => f.mergeRequests.closed],
    ],
  },
  {
    name: "relay_activity_issues",
    help: "Issues of today (UTC), by what was done to them.",
    label: "action",
    parts: [
      [{ action: "opened" }, (f) => f.issues.opened],
      [{ action: "closed" }, (f) => f.issues.closed],
    ],
  },
  {
    name: "relay_activity_pipelines",
    help: "Pipelines that ended today (UTC), by how.",
    label: "status",
    parts: [
      [{ status: "success" }, (f) => f.pipelines.success],
      [{ status: "failed" }, (f) => f.pipelines.failed],
      [{ status: "canceled" }, (f) => f.pipelines.canceled],
    ],
  },
  {
    name: "relay_activity_deployments",
    help: "Deployments that ended today (UTC), by how.",
    label: "status",
    parts: [
      [{ status: "success" }, (f) => f.deployments.success],
      [{ status: "failed" }, (f) => f.deployments.failed],
    ],
  },
];

/** Registers the gauges; they stay empty while the settings do not want them. */
export function registerActivityGauges({ registry, activity, now, settings }: GaugeDeps): void {
  let read: { readonly at: number; readonly report: Promise<Report | null> } | null = null;
  /** One report serves all gauges of a scrape. Null if the storage is out of reach: the other metrics are shown all the same. */
  const today = (): Promise<Report | null> => {
    if (read === null || now() - read.at > 1000) {
      const day = dayOf(now());
      read = { at: now(), report: activity.report(everythingOf(day, day)).catch(noReport) };
    }
    return read.report;
  };
  for (const { name, help, label, parts } of GAUGES) {
    registerReadGauge(registry, {
      name,
      help,
      labelNames: label === null ? ["project"] : ["project", label],
      async read() {
        if (!settings().enabled) return [];
        const projects = (await today())?.projects ?? [];
        const { maxProjects } = settings();
        return projects.flatMap((figures, index) => {
          const project = index < maxProjects ? figures.project : "other";
          return parts.map(([labels, value]) => ({ labels: { project, ...labels }, value: value(figures) }));
        });
      },
    });
  }
}

function noReport(error: unknown): null {
  if (error instanceof UpstreamError) return null;
  throw error;
}
