import { expect, test } from "vitest";
import { configSchema } from "../../../relay/config/schema.ts";
import type { EventMeta } from "../../../relay/event/event.ts";
import { explainRouting, type Explanation } from "../../../relay/routing/explain.ts";
import { createRouter, type Narrowing, type ProjectNarrowing } from "../../../relay/routing/route.ts";
import { eventMeta } from "../../helpers/events.ts";

interface Given {
  readonly bot: object;
  readonly overrides?: readonly object[];
  readonly meta?: Partial<EventMeta>;
  readonly body?: object;
  readonly narrowing?: ProjectNarrowing;
}

/** Explains, and checks that routing decides the same. */
async function explain(given: Given): Promise<Explanation> {
  const { bot, overrides = [], body = {}, narrowing } = given;
  const config = configSchema.parse({ targets: { bot: { type: "log", ...bot } }, overrides });
  const meta = eventMeta(given.meta);
  const bytes = Buffer.from(JSON.stringify(body));
  const settings = config.targets["bot"];
  if (settings === undefined) throw new TypeError("no target");
  const asked = { name: "bot", settings, overrides: config.overrides, meta, body: bytes };
  const explanation = await explainRouting(asked, narrowing ?? null);
  const router = createRouter(config, narrowing === undefined ? {} : { narrowing });
  const routes = await router(meta, () => Promise.resolve(bytes));
  expect(explanation.gets).toBe(routes.length === 1);
  return explanation;
}

test("explainRouting(): a target without rules gets everything", async () => {
  expect(await explain({ bot: {} })).toEqual({ gets: true, stoppedBy: [], overrides: [] });
});

test("explainRouting() names every rule that stops the event, and what the event has there", async () => {
  const { stoppedBy } = await explain({
    bot: {
      events: ["issue"],
      projects: ["other/**"],
      branches: ["main"],
      actions: ["open"],
      labels: ["bug"],
      when: "body.n == 1",
    },
    meta: {
      kind: "pipeline",
      header: "Pipeline Hook",
      eventName: null,
      action: "failed",
      ref: "refs/heads/dev",
    },
    body: { labels: [{ title: "wip" }], n: 2 },
  });
  expect(stoppedBy).toEqual([
    { rule: "events", text: 'the event is "pipeline"' },
    { rule: "projects", text: 'its project is "acme/web", "42"' },
    { rule: "branches", text: 'its branch is "dev"' },
    { rule: "actions", text: 'its action is "failed"' },
    { rule: "labels", text: 'its labels are "wip"' },
    { rule: "when", text: "the expression is false" },
  ]);
});

test.each<[string, object, Partial<EventMeta>, object, string]>([
  [
    "no project",
    { projects: ["acme/**"] },
    { projectId: null, projectPath: null },
    {},
    "the event names no project",
  ],
  [
    "a fork's branch",
    { branches: ["main"] },
    { ref: "refs/merge-requests/7/head", sourceProjectId: 1, sourceBranch: "main" },
    {},
    "it comes from a branch of a fork",
  ],
  ["no labels", { labels: ["bug"] }, {}, { labels: [] }, "it has no labels"],
  ["an expression that fails", { when: "body.x.y" }, {}, {}, "the expression fails: No such key: x"],
])("explainRouting(): %s", async (_claim, bot, meta, body, text) => {
  expect((await explain({ bot, meta, body })).stoppedBy).toEqual([{ rule: expect.any(String), text }]);
});

test("explainRouting() applies overrides, and tells which", async () => {
  const overrides = [
    { projects: ["other/**"], targets: { bot: { branches: ["x"] } } },
    { projects: ["acme/**"], targets: { bot: { enabled: false } } },
  ];
  const explanation = await explain({ bot: { branches: ["main"] }, overrides });
  expect(explanation).toEqual({
    gets: false,
    stoppedBy: [{ rule: "enabled", text: "the target is switched off for this project" }],
    overrides: [1],
  });
});

test.each<[string, Narrowing, string | null]>([
  ["switches it off", { enabled: false, passes: null }, "the project's own file switches the target off"],
  [
    "stops it",
    { enabled: true, passes: () => Promise.resolve(false) },
    "the rules of the project's own file stop it",
  ],
  ["lets it pass", { enabled: true, passes: () => Promise.resolve(true) }, null],
])("explainRouting(): the project's own file %s", async (_claim, own, text) => {
  const narrowing: ProjectNarrowing = () => new Map([["bot", own]]);
  const { stoppedBy } = await explain({ bot: {}, narrowing });
  expect(stoppedBy).toEqual(text === null ? [] : [{ rule: "project-file", text }]);
});

test("explainRouting(): a target that got the other event of a pair does not get its twin", async () => {
  const twin = { of: "01kf0000000000000000000002", targets: ["bot"] };
  expect((await explain({ bot: {}, meta: { twin } })).stoppedBy).toEqual([
    { rule: "twin", text: `the target got the same event of another hook, ${twin.of}` },
  ]);
  expect((await explain({ bot: {}, meta: { twin: { ...twin, targets: ["other"] } } })).gets).toBe(true);
});
