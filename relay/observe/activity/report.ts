/** Facts of some days -> the figures that people ask for: in all, per period, per project, per person. Pure. */
import { factsIn } from "../../storage/fact-sheet.ts";
import type { FactType, FactValues } from "../../event/activity-facts.ts";
import type { ActivityEntry } from "../../storage/activity-store.ts";
import { instanceOfProject } from "./facts.ts";
import { together, type Row } from "./together.ts";

export interface ReportQuery {
  /** UTC days, both included. */
  readonly from: string;
  readonly to: string;
  readonly group: "day" | "week";
  readonly project: string | null;
  /** Name of a GitLab; null: all of them. */
  readonly instance: string | null;
  /** Member's name, or whatever an event calls an author. */
  readonly author: string | null;
  /** Members by name, with what they go by. */
  readonly members: Readonly<Record<string, readonly string[]>>;
}

export interface Spread {
  readonly count: number;
  /** Seconds; null if nothing was measured. */
  readonly median: number | null;
  readonly p90: number | null;
}

export interface Figures {
  readonly commits: number;
  readonly files: { readonly added: number; readonly modified: number; readonly removed: number };
  /** Commits by hour of the day on their authors' clocks; 24 figures. */
  readonly hours: readonly number[];
  readonly branches: readonly { readonly name: string; readonly pushes: number }[];
  readonly mergeRequests: {
    readonly opened: number;
    readonly merged: number;
    readonly closed: number;
    readonly timeToMergeSeconds: Spread;
  };
  readonly reviews: {
    readonly approvals: number;
    readonly comments: number;
    /** Share of merged merge requests that somebody else approved or commented; null if none was merged. */
    readonly participation: number | null;
  };
  readonly issues: { readonly opened: number; readonly closed: number; readonly timeOpenSeconds: Spread };
  readonly pipelines: {
    readonly success: number;
    readonly failed: number;
    readonly canceled: number;
    /** Of those that succeeded or failed; null if there were none. */
    readonly successRate: number | null;
    readonly durationSeconds: Spread;
    readonly failedJobs: readonly { readonly name: string; readonly count: number }[];
  };
  readonly deployments: { readonly success: number; readonly failed: number };
}

export interface Report {
  readonly from: string;
  readonly to: string;
  readonly group: "day" | "week";
  readonly total: Figures;
  /** Every day or week (its Monday) of the range, oldest first. */
  readonly periods: readonly ({ readonly start: string } & Figures)[];
  /** Busiest first. */
  readonly projects: readonly ({ readonly project: string } & Figures)[];
  readonly authors: readonly ({ readonly author: string } & Figures)[];
}

const DAY_MS = 86_400_000;
const MAX_NAMES = 20;
const UNKNOWN_AUTHOR = "unknown";

/** What a report tells of these UTC days if nothing is left out, day by day. */
export function everythingOf(from: string, to: string): Omit<ReportQuery, "members"> {
  return { from, to, group: "day", project: null, instance: null, author: null };
}

export function report(entries: readonly ActivityEntry[], query: ReportQuery): Report {
  const nameOf = memberNames(query.members);
  const told: Row[] = [];
  for (const { day, project, page } of entries) {
    if (query.project !== null && query.project !== project) continue;
    if (query.instance !== null && query.instance !== instanceOfProject(project)) continue;
    const period = startOf(day, query.group);
    for (const fact of factsIn(page)) told.push({ ...fact, project, period });
  }
  const rows = new Groups();
  for (const row of together(told)) {
    const author = nameOf(row.author);
    if (query.author === null || query.author === author || query.author === row.author)
      rows.add({ ...row, author });
  }
  return {
    from: query.from,
    to: query.to,
    group: query.group,
    total: figures(rows.all),
    periods: periodsOf(query).map((start) =>
      Object.assign({ start }, figures(rows.periods.get(start) ?? [])),
    ),
    projects: busiest(rows.projects).map(([project, own]) => Object.assign({ project }, figures(own))),
    authors: busiest(rows.authors).map(([author, own]) => Object.assign({ author }, figures(own))),
  };
}

class Groups {
  readonly all: Row[] = [];
  readonly periods = new Map<string, Row[]>();
  readonly projects = new Map<string, Row[]>();
  readonly authors = new Map<string, Row[]>();

  add(row: Row): void {
    this.all.push(row);
    for (const [groups, name] of [
      [this.periods, row.period],
      [this.projects, row.project],
      [this.authors, row.author ?? UNKNOWN_AUTHOR],
    ] as const) {
      const group = groups.get(name);
      if (group === undefined) groups.set(name, [row]);
      else group.push(row);
    }
  }
}

function busiest(groups: ReadonlyMap<string, readonly Row[]>): (readonly [string, readonly Row[]])[] {
  return [...groups].sort(([a, mine], [b, others]) => others.length - mine.length || (a < b ? -1 : 1));
}

/** The member who goes by a name; the name itself if no member does. */
function memberNames(members: ReportQuery["members"]): (author: string | null) => string | null {
  const names = new Map<string, string>();
  for (const [member, aliases] of Object.entries(members))
    for (const alias of [member, ...aliases]) names.set(alias.toLowerCase(), member);
  return (author) => (author === null ? null : (names.get(author.toLowerCase()) ?? author));
}

/** The figures of some facts; the same thing told on several days or for several people counts once. */
function figures(rows: readonly Row[]): Figures {
  const of = <T extends FactType>(type: T): Map<string, FactValues[T]> => {
    const found = new Map<string, FactValues[T]>();
    for (const row of rows)
      if (row.type === type) found.set(`${row.project}\n${row.key}`, row.value as FactValues[T]);
    return found;
  };
  const commits = [...of("commit").values()];
  const pushes = [...of("push").values()];
  const hours = Array.from({ length: 24 }, () => 0);
  for (const [, , , hour] of commits) hours[hour] = (hours[hour] ?? 0) + 1;
  const merged = of("merged");
  const approved = rows.filter((row) => row.type === "approved");
  const reviewed = rows.filter((row) => row.type === "reviewed");
  const touched = new Set([
    ...approved.map((row) => `${row.project}\n${row.key}`),
    ...reviewed.map((row) => `${row.project}\n${String(row.value)}`),
  ]);
  const closed = of("issueClosed");
  const pipelines = [...of("pipeline").values()];
  const ended = (status: string): number => pipelines.filter((pipeline) => pipeline[0] === status).length;
  const deployed = [...of("deployed").values()];
  const unlisted = [...of("unlisted").values(), ...pushes.map(([, ofPush]) => ofPush)];
  const sum = (index: 0 | 1 | 2): number => commits.reduce((total, commit) => total + commit[index], 0);
  return {
    commits: commits.length + unlisted.reduce((total, more) => total + more, 0),
    files: { added: sum(0), modified: sum(1), removed: sum(2) },
    hours,
    branches: ranking(pushes.map(([branch]) => branch)).map(([name, count]) => ({ name, pushes: count })),
    mergeRequests: {
      opened: of("opened").size,
      merged: merged.size,
      closed: of("closed").size,
      timeToMergeSeconds: spread([...merged.values()]),
    },
    reviews: {
      approvals: new Set(approved.map((row) => `${row.project}\n${row.key}\n${row.author}`)).size,
      comments: new Set(reviewed.map((row) => `${row.project}\n${row.key}`)).size,
      participation: share([...merged.keys()].filter((key) => touched.has(key)).length, merged.size),
    },
    issues: {
      opened: of("issueOpened").size,
      closed: closed.size,
      timeOpenSeconds: spread([...closed.values()]),
    },
    pipelines: {
      success: ended("success"),
      failed: ended("failed"),
      canceled: ended("canceled"),
      successRate: share(ended("success"), ended("success") + ended("failed")),
      durationSeconds: spread(pipelines.map((pipeline) => pipeline[1])),
      failedJobs: ranking([...of("failedJob").values()]).map(([name, count]) => ({ name, count })),
    },
    deployments: {
      success: deployed.filter((status) => status === "success").length,
      failed: deployed.filter((status) => status === "failed").length,
    },
  };
}

function ranking(names: readonly string[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort(([a, mine], [b, others]) => others - mine || (a < b ? -1 : 1)).slice(0, MAX_NAMES);
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

function spread(values: readonly (number | null)[]): Spread {
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
  const at = (quantile: number): number | null =>
    sorted[Math.max(0, Math.ceil(sorted.length * quantile) - 1)] ?? null;
  return { count: sorted.length, median: at(0.5), p90: at(0.9) };
}

/** The period that a day is in. */
function startOf(day: string, group: "day" | "week"): string {
  if (group === "day") return day;
  const ms = Date.parse(day);
  const sinceMonday = (new Date(ms).getUTCDay() + 6) % 7;
  return new Date(ms - sinceMonday * DAY_MS).toISOString().slice(0, 10);
}

/** Every day of a range, oldest first. */
export function daysOf(from: string, to: string): string[] {
  const days: string[] = [];
  for (let ms = Date.parse(from); ms <= Date.parse(to); ms += DAY_MS)
    days.push(new Date(ms).toISOString().slice(0, 10));
  return days;
}

function periodsOf({ from, to, group }: ReportQuery): string[] {
  return [...new Set(daysOf(from, to).map((day) => startOf(day, group)))];
}
