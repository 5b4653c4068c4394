import { describe, expect, test } from "vitest";
import { configSchema } from "../../../relay/config/schema.ts";
import type { EventMeta } from "../../../relay/event/event.ts";
import { type Narrowing, createRouter, laneOf } from "../../../relay/routing/route.ts";
import { compileRules } from "../../../relay/routing/rules.ts";
import type { RuleSettings } from "../../../relay/targets/rules.ts";
import { eventMeta } from "../../helpers/events.ts";

const noBody = (): Promise<Uint8Array> => Promise.reject(new Error("the body was loaded"));

async function routes(config: unknown, meta: Partial<EventMeta>): Promise<string[]> {
  const route = createRouter(configSchema.parse(config));
  return (await route(eventMeta(meta), noBody)).map((r) => r.target);
}

const http = { type: "http", url: "https://bot.internal/gitlab" };

describe("laneOf()", () => {
  test.each([
    [{ projectId: 42, groupId: 7 }, "p42"],
    [{ projectId: null, groupId: 7 }, "g7"],
    [{ projectId: null, groupId: null }, "other"],
    [{ instanceName: "partner", projectId: 42, groupId: 7 }, "partner/p42"],
    [{ instanceName: "partner", projectId: null, groupId: null }, "partner/other"],
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

  test("targets and overrides are for the instances that they name", async () => {
    const config = {
      instances: { partner: { secretTokens: ["a-token-of-the-partner"] } },
      targets: {
        own: { ...http, instances: ["default"] },
        others: { ...http, instances: ["!default"] },
        said: { ...http, when: "event.instance == 'partner'" },
        both: http,
      },
      overrides: [{ instances: ["partner"], projects: [15], targets: { both: { enabled: false } } }],
    };
    const when = createRouter(configSchema.parse(config));
    const load = (): Promise<Uint8Array> => Promise.resolve(Buffer.from("{}"));
    const targetsOf = async (meta: Partial<EventMeta>): Promise<string[]> =>
      (await when(eventMeta({ projectId: 15, ...meta }), load)).map(({ target }) => target);
    expect(await targetsOf({})).toEqual(["own", "both"]);
    expect(await targetsOf({ instanceName: "partner" })).toEqual(["others", "said"]);
    expect(await targetsOf({ instanceName: "partner", projectId: 16 })).toEqual(["others", "said", "both"]);
    // What the sender says of itself routes nothing.
    expect(await targetsOf({ instance: "partner" })).toEqual(["own", "both"]);
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

  test("laneOf() names the lane at an ordered target that the event is not matched with", () => {
    const targets = {
      free: http,
      strict: { ...http, ordering: "project", events: ["issue"] },
    };
    const route = createRouter(configSchema.parse({ targets }));
    const event = eventMeta({ projectId: 42 });
    const lanes = ["free", "strict", "unknown"].map((target) => route.laneOf?.(event, target));
    expect(lanes).toEqual([null, "p42", null]);
  });

  test("ordering puts the events of a project into one lane", async () => {
    const targets = { free: http, strict: { ...http, ordering: "project" } };
    const route = createRouter(configSchema.parse({ targets }));
    expect(await route(eventMeta(), noBody)).toEqual([
      { target: "free", lane: null },
      { target: "strict", lane: "p42" },
    ]);
  });

  describe("rules on the payload", () => {
    const mergeRequest = { kind: "merge_request", eventName: "merge_request", header: "Merge Request Hook" };
    const payload = {
      object_kind: "merge_request",
      object_attributes: { draft: false, title: "feat: x" },
      labels: [{ title: "backend" }],
    };

    function bodyOf(value: unknown): { load: () => Promise<Uint8Array>; count: () => number } {
      let loaded = 0;
      return {
        load: () => {
          loaded += 1;
          return Promise.resolve(Buffer.from(JSON.stringify(value)));
        },
        count: () => loaded,
      };
    }

    test("the body is loaded once, and only for targets that are still in question", async () => {
      const targets = {
        labelled: { ...http, labels: ["backend"] },
        other: { ...http, labels: ["frontend"] },
        ready: { ...http, when: "!body.object_attributes.draft" },
        pushes: { ...http, events: ["push"], when: "true || body.x" },
        all: http,
      };
      const route = createRouter(configSchema.parse({ targets }));
      const body = bodyOf(payload);
      const found = await route(eventMeta({ ...mergeRequest, action: "open" }), body.load);
      expect(found.map((r) => r.target)).toEqual(["labelled", "ready", "all"]);
      expect(body.count()).toBe(1);
      const { pushes, all } = targets;
      const simple = createRouter(configSchema.parse({ targets: { pushes, all } }));
      expect(await simple(eventMeta(mergeRequest), noBody)).toHaveLength(1);
    });

    test("what a rule asks for and the payload lacks stops the event, and is told", async () => {
      const errors: string[] = [];
      const route = createRouter(
        configSchema.parse({
          targets: { a: { ...http, when: "body.nope == 1" }, b: { ...http, when: "body.labels" } },
        }),
        { onRuleError: (meta, text, error) => errors.push(`${meta.id} ${text}: ${String(error)}`) },
      );
      expect(await route(eventMeta(mergeRequest), bodyOf(payload).load)).toEqual([]);
      expect(errors).toEqual([
        expect.stringContaining("body.nope == 1: EvaluationError: No such key: nope"),
        expect.stringContaining("body.labels: TypeError"),
      ]);
    });

    test("events that know no labels or actions are not judged by them", async () => {
      const config = { targets: { bot: { ...http, labels: ["backend"], actions: ["open"] } } };
      const route = createRouter(configSchema.parse(config));
      const found = await route(eventMeta(), bodyOf({ object_kind: "push" }).load);
      expect(found).toHaveLength(1);
      const unlabelled = { ...payload, labels: [] };
      expect(await route(eventMeta({ ...mergeRequest, action: "open" }), bodyOf(unlabelled).load)).toEqual(
        [],
      );
      expect(await route(eventMeta({ ...mergeRequest, action: "close" }), noBody)).toEqual([]);
    });

    test("overrides take the place of a target's own rules for their projects", async () => {
      const config = {
        targets: { bot: { ...http, events: ["push"], branches: ["main"] } },
        overrides: [
          { projects: ["acme/web"], targets: { bot: { branches: ["dev"] } } },
          { projects: ["acme/*"], targets: { bot: { when: "event.actor == 'ada'" } } },
        ],
      };
      const route = createRouter(configSchema.parse(config));
      const passes = async (meta: Partial<EventMeta>): Promise<boolean> =>
        (await route(eventMeta(meta), bodyOf({}).load)).length === 1;
      expect(await passes({ ref: "refs/heads/main" })).toBe(false);
      expect(await passes({ ref: "refs/heads/dev" })).toBe(true);
      expect(await passes({ ref: "refs/heads/dev", actor: "bob" })).toBe(false);
      expect(await passes({ projectPath: "acme/api", ref: "refs/heads/main" })).toBe(true);
      expect(await passes({ projectPath: "other/api", actor: "bob" })).toBe(true);
    });

    test("a project's own file narrows, and never widens", async () => {
      const config = {
        targets: { bot: { ...http, branches: ["main"] }, log: { type: "log", enabled: false } },
      };
      const passes =
        (settings: RuleSettings): Narrowing["passes"] =>
        (meta) =>
          Promise.resolve(compileRules(settings, () => {}).passesMeta(meta));
      const narrowing = new Map([
        ["bot", { enabled: true, passes: passes({ branches: ["main", "dev"], actions: ["open"] }) }],
        ["log", { enabled: true, passes: null }],
      ]);
      for (const own of [narrowing, Promise.resolve(narrowing)]) {
        const route = createRouter(configSchema.parse(config), { narrowing: () => own });
        const of = async (meta: Partial<EventMeta>): Promise<string[]> =>
          (await route(eventMeta(meta), noBody)).map((r) => r.target);
        expect(await of({})).toEqual(["bot"]);
        expect(await of({ ref: "refs/heads/dev" })).toEqual([]);
        expect(await of({ action: "close" })).toEqual([]);
      }
      const off = new Map([["bot", { enabled: false, passes: null }]]);
      const route = createRouter(configSchema.parse(config), { narrowing: () => off });
      expect(await route(eventMeta(), noBody)).toEqual([]);
    });
  });
});
