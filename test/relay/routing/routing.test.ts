import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLog, type LogFields } from "../../../lib/log.ts";
import { configSchema } from "../../../relay/config/schema.ts";
import { createRouting } from "../../../relay/routing/routing.ts";
import { FakeClock } from "../../helpers/clock.ts";
import { eventMeta } from "../../helpers/events.ts";
import { repositoryOf } from "../../simulator/pipelines-api.ts";
import { createSimulator, type Simulator } from "../../simulator/simulator.ts";

let gitlab: Simulator;
beforeEach(async () => {
  gitlab = await createSimulator();
});
afterEach(() => gitlab.close());

const noBody = (): Promise<Uint8Array> => Promise.resolve(Buffer.from("{}"));

test("projects' files are read from GitLab once, whichever targets change", async () => {
  const project = gitlab.seed.project(gitlab.seed.group("acme"), "web");
  repositoryOf(project).files.set(".gitlab-hook-relay.yml", "targets: { a: { enabled: false } }");
  const routing = createRouting({ clock: new FakeClock(), log: silentLog, env: {} });
  const projectFile = { url: gitlab.url, tokens: [gitlab.token.value] };
  const meta = eventMeta({ projectId: project.id, kind: "issue", header: "Issue Hook" });
  const targetsOf = async (config: object): Promise<string[]> => {
    const route = routing.routerFor(configSchema.parse(config));
    return (await route(meta, noBody)).map((r) => r.target);
  };
  const log = { type: "log" };
  expect(await targetsOf({ targets: { a: log, b: log }, projectFile })).toEqual(["b"]);
  expect(await targetsOf({ targets: { a: log, c: log }, projectFile })).toEqual(["c"]);
  expect(gitlab.counters.report().total).toBe(1);
  expect(await targetsOf({ targets: { a: log, c: log } })).toEqual(["a", "c"]);
});

test("a rule that fails is told once a minute, not with each event", async () => {
  const told: LogFields[] = [];
  const clock = new FakeClock();
  const log = { ...silentLog, warn: (_event: string, fields: LogFields = {}) => void told.push(fields) };
  const routing = createRouting({ clock, log, env: {} });
  const targets = { a: { type: "log", when: "body.nope" }, b: { type: "log", when: "body.other" } };
  const route = routing.routerFor(configSchema.parse({ targets }));
  for (let i = 0; i < 3; i++) await route(eventMeta(), noBody);
  expect(told.map((f) => f["when"])).toEqual(["body.nope", "body.other"]);
  await clock.advance(60_000);
  await route(eventMeta(), noBody);
  expect(told).toHaveLength(4);
  expect(told[0]).toMatchObject({ kind: "push", error: "No such key: nope" });
});
