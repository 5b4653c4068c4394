import { describe, expect, test } from "vitest";
import { EventTable } from "../../../../relay/storage/files/memory/table.ts";
import { encodeRoutes, type RoutedEvent } from "../../../../relay/storage/files/route-records.ts";
import { RouteSummary, summarizeRoutes } from "../../../../relay/storage/files/route-summary.ts";

const AT = Date.UTC(2026, 0, 15);

/** Events whose projects and ids of GitLab's are as `of` says. */
function eventsOf(count: number, of: (index: number) => Partial<RoutedEvent>): RoutedEvent[] {
  return Array.from({ length: count }, (_, index) => ({
    id: Uint32Array.of(index, 0xffff_ffff - index, index * 7, index + 1),
    receivedAt: AT + index,
    kind: index % 3 === 0 ? null : `kind${index % 5}`,
    eventName: index % 2 === 0 ? null : "push",
    projectId: index,
    projectPath: `acme/web-${index}`,
    gitlabIds: [],
    routes: index % 4 === 0 ? [] : [{ target: "a", lane: index % 3 === 0 ? null : `größe${index}` }],
    ...of(index),
  }));
}

/** What a summary says of each event, with projects as the table knows them. */
function told(summary: RouteSummary, table: EventTable): RoutedEvent[] {
  const codes = summary.projectCodes(table);
  return Array.from({ length: summary.count }, (_, index): RoutedEvent => {
    const id = new Uint32Array(4);
    summary.id(index, id);
    const [kind, eventName] = summary.kinds[summary.kind(index)]!;
    const project = table.projects.value(codes[summary.project(index)]!);
    return {
      id,
      receivedAt: summary.receivedAt(index),
      kind,
      eventName,
      projectId: project.id,
      projectPath: project.path,
      gitlabIds: [0, 1, 2].map((place) => summary.gitlabId(index, place)).filter((number) => number !== 0),
      routes: summary.routes[summary.route(index)]!.map(([target, lane]) => ({ target, lane })),
    };
  });
}

/** The same bytes where no typed array may begin. */
function shifted(bytes: Uint8Array): Uint8Array {
  const larger = new Uint8Array(bytes.length + 1);
  larger.set(bytes, 1);
  return larger.subarray(1);
}

describe("summarizeRoutes() and RouteSummary", () => {
  test.each<readonly [string, (index: number) => Partial<RoutedEvent>]>([
    ["no ids of GitLab's", () => ({})],
    ["one to three ids", (index) => ({ gitlabIds: [1, 0xffff_ffff, index + 1].slice(0, 1 + (index % 3)) })],
    [
      "projects without an id or a path",
      (index) => (index % 2 === 0 ? { projectId: null } : { projectPath: null }),
    ],
    [
      "ids of projects that 32 bits do not hold",
      (index) => ({ projectId: [2 ** 40, -1, 0.5, 0][index % 4]! }),
    ],
    [
      "paths that are long, empty, not ASCII, or half a character",
      (index) => ({
        projectPath: ["x".repeat(256), "y".repeat(255), "", "acme/größe", "\ud83e"][index % 5]!,
      }),
    ],
    ["one project", () => ({ projectId: 7, projectPath: "acme/one" })],
    ["a project that was renamed", (index) => ({ projectId: 7, projectPath: `acme/name-${index % 2}` })],
  ])("say what the record says: %s", (_name, of) => {
    const summary = new RouteSummary();
    const table = new EventTable();
    for (const count of [512, 1, 0, 37]) {
      const events = eventsOf(count, of);
      summary.read(shifted(summarizeRoutes(encodeRoutes(events))));
      expect(told(summary, table)).toEqual(events);
    }
  });

  test("a project that is known gets the code that it has", () => {
    const table = new EventTable();
    const summary = new RouteSummary();
    const code = table.projects.code(5, "acme/web-5");
    summary.read(summarizeRoutes(encodeRoutes(eventsOf(9, () => ({})))));
    expect(summary.projectCodes(table)[5]).toBe(code);
    expect(table.projects.values).toHaveLength(10);
  });
});
