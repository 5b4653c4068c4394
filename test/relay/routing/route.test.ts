import { describe, expect, test } from "vitest";
import { configSchema } from "../../../relay/config.ts";
import type { EventMeta } from "../../../relay/event.ts";
import {
  branchMatcher,
  createRouter,
  eventMatcher,
  laneOf,
  projectMatcher,
} from "../../../relay/routing/route.ts";
import { eventMeta } from "../../helpers/events.ts";

const noBody = (): Promise<Uint8Array> => Promise.reject(new Error("the body was loaded"));

async function routes(config: unknown, meta: Partial<EventMeta>): Promise<string[]> {
  const route = createRouter(configSchema.parse(config));
  return (await route(eventMeta(meta), noBody)).map((r) => r.target);
}

const http = { type: "http", url: "https://bot.internal/gitlab" };

describe("eventMatcher()", () => {
  const push = { header: "Push Hook", kind: "push", eventName: "push" };
  const member = { header: "Member Hook", kind: "user_add_to_group", eventName: "user_add_to_group" };
  const secret = { header: "Confidential Issue Hook", kind: "issue", eventName: "confidential_issue" };
  const job = { header: "Job Hook", kind: "build", eventName: null };
  const workItem = { header: "Issue Hook", kind: "work_item", eventName: null };
  const unknown = { header: null, kind: null, eventName: null };
  test.each([
    [["push"], push, true],
    [["tag_push", "merge_request"], push, false],
    [["job"], job, true],
    [["build"], job, true],
    [["member"], member, true],
    [["user_add_to_group"], member, true],
    [["user_remove_from_group"], member, false],
    [["issue"], secret, true],
    [["confidential_issue"], secret, true],
    [["confidential_issue"], { ...secret, header: "Issue Hook", eventName: "issue" }, false],
    [["issue"], workItem, true],
    [["work_item"], workItem, true],
    [["push"], unknown, false],
    [[], push, false],
  ])("%j on %j is %s", (names, meta, expected) => {
    expect(eventMatcher(names)(meta)).toBe(expected);
  });
});

describe("projectMatcher()", () => {
  test.each([
    [["acme/**"], 1, "acme/web", true],
    [["acme/**"], 1, "acme/deep/er/web", true],
    [["acme/*"], 1, "acme/deep/web", false],
    [["acme/**"], 1, "acmeother/web", false],
    [["Acme/Web"], 1, "acme/web", true],
    [["acme/.hidden"], 1, "acme/.hidden", true],
    [["acme/**"], 1, "acme/.hidden/x", true],
    [[42], 42, "any/thing", true],
    [["42"], 42, null, true],
    [[42], 43, "any/42", false],
    [["acme/**", "!acme/sandbox/**"], 1, "acme/sandbox/x", false],
    [["acme/**", "!acme/sandbox/**"], 1, "acme/web", true],
    [["!acme/sandbox/**", "acme/**"], 1, "acme/sandbox/x", false],
    [["acme/**", "!42"], 42, "acme/web", false],
    [["!acme/sandbox/**"], 1, "other/web", true],
    [["!acme/sandbox/**"], 1, "acme/sandbox/x", false],
    [["!acme/**"], null, null, true],
    [["acme/**"], null, null, false],
    [["**"], null, null, false],
    [["acme/!(web|api)"], 1, "acme/web", false],
    [["acme/!(web|api)"], 1, "acme/docs", true],
    [["acme/{web,api}"], 1, "acme/api", true],
    [[42, "acme/*"], 7, "acme/web", true],
    [["!acme/a", "!acme/b"], 1, "acme/b", false],
  ])("%j on project %s %s is %s", (patterns, id, path, expected) => {
    expect(projectMatcher(patterns)(id, path)).toBe(expected);
  });
});

describe("branchMatcher()", () => {
  test.each([
    [["main", "release/*"], "refs/heads/main", true],
    [["main", "release/*"], "refs/heads/release/1.2", true],
    [["main", "release/*"], "refs/heads/release/1/2", false],
    [["main", "release/*"], "refs/heads/Main", false],
    [["feature/**"], "refs/heads/feature/a/b", true],
    [["!wip/**"], "refs/heads/wip/a", false],
    [["!wip/**"], "refs/heads/main", true],
    [["**", "!main"], "refs/heads/main", false],
    [["main"], "refs/tags/v1", true],
    [["main"], null, true],
  ])("%j on %s is %s", (patterns, ref, expected) => {
    expect(branchMatcher(patterns)(ref)).toBe(expected);
  });
});

describe("laneOf()", () => {
  test.each([
    [{ projectId: 42, groupId: 7 }, "p42"],
    [{ projectId: null, groupId: 7 }, "g7"],
    [{ projectId: null, groupId: null }, "other"],
  ])("%j is %s", (meta, lane) => {
    expect(laneOf(meta)).toBe(lane);
  });
});

describe("createRouter()", () => {
  test("a target without rules gets everything", async () => {
    const config = { targets: { all: http } };
    expect(await routes(config, {})).toEqual(["all"]);
    expect(await routes(config, { kind: null, header: null, eventName: null, projectId: null })).toEqual([
      "all",
    ]);
  });

  test("each rule of a target has to let the event pass", async () => {
    const rules = { events: ["push"], projects: ["acme/**"], branches: ["main"] };
    const config = { targets: { bot: { ...http, ...rules }, log: { type: "log" } } };
    expect(await routes(config, {})).toEqual(["bot", "log"]);
    expect(await routes(config, { ref: "refs/heads/dev" })).toEqual(["log"]);
    expect(await routes(config, { projectPath: "other/web" })).toEqual(["log"]);
    expect(await routes(config, { kind: "issue", eventName: "issue", header: "Issue Hook" })).toEqual([
      "log",
    ]);
  });

  test("overrides switch a target per project, and later ones win", async () => {
    const config = {
      targets: { bot: http, off: { type: "log", enabled: false } },
      overrides: [
        { projects: ["acme/legacy/**"], targets: { bot: { enabled: false }, off: { enabled: true } } },
        { projects: ["acme/legacy/kept"], targets: { bot: { enabled: true } } },
      ],
    };
    expect(await routes(config, {})).toEqual(["bot"]);
    expect(await routes(config, { projectPath: "acme/legacy/web" })).toEqual(["off"]);
    expect(await routes(config, { projectPath: "acme/legacy/kept" })).toEqual(["bot", "off"]);
    expect(await routes(config, { projectPath: null, projectId: null })).toEqual(["bot"]);
  });

  test("ordering puts the events of a project into one lane", async () => {
    const targets = { free: http, strict: { ...http, ordering: "project" } };
    const route = createRouter(configSchema.parse({ targets }));
    expect(await route(eventMeta(), noBody)).toEqual([
      { target: "free", lane: null },
      { target: "strict", lane: "p42" },
    ]);
  });
});
