import { expect, test } from "vitest";
import { systemClock } from "../../../lib/clock.ts";
import { createLog, createSecrets } from "../../../lib/log.ts";
import { ANSWER_MS } from "../../../lib/answering-files.ts";
import { silentLog } from "../../../lib/log.ts";
import {
  createTargets,
  createTargetsOrFailing,
  targetProblems,
  targetSchema,
  unansweredTargets,
} from "../../../relay/targets/registry.ts";
import { FakeClock } from "../../helpers/clock.ts";
import { eventMeta } from "../../helpers/events.ts";

test("a log target writes one line per event and is done", async () => {
  const lines: string[] = [];
  const log = createLog({ level: "info", secrets: createSecrets(), write: (line) => lines.push(line) });
  const create = createTargets({ clock: systemClock, log });
  const target = create("seen", targetSchema.parse({ type: "log" }));
  const { signal } = new AbortController();
  const meta = eventMeta({ action: "open", bodyBytes: 17 });
  const result = await target.send({ meta, body: Buffer.from("{}"), attempt: 1, replay: 0, signal });
  expect(result.verdict).toBe("done");
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    event: "target.event",
    target: "seen",
    eventId: meta.id,
    kind: "push",
    action: "open",
    project: "acme/web",
    ref: "refs/heads/main",
    actor: "ada",
    bytes: 17,
  });
  await target.close();
});

const HUNG = {
  web: { type: "http", url: "https://bot.internal/", tls: { caFile: "/hung/ca.pem" } },
  job: {
    type: "pipeline",
    url: "https://gitlab.internal",
    token: "t",
    ref: "main",
    tls: { caFile: "/hung/ca" },
  },
  stream: { type: "nats", servers: ["nats://nats.internal"], subject: "a", credsFile: "/hung/nats.creds" },
  code: { type: "module", handler: "/hung/handler.ts" },
};

test("targetProblems() and unansweredTargets() name every file that does not answer, and read none of them", async () => {
  const clock = new FakeClock();
  const targets = Object.fromEntries(
    Object.entries(HUNG).map(([name, settings]) => [name, targetSchema.parse(settings)]),
  );
  const deps = { clock, log: silentLog, readText: () => new Promise<null>(() => {}) };
  for (const found of [targetProblems(targets, deps), unansweredTargets(targets, deps)]) {
    await clock.advance(ANSWER_MS);
    const text = JSON.stringify(
      Array.isArray(await found) ? await found : [...((await found) as Map<string, unknown>)],
    );
    for (const file of ["/hung/ca.pem", "/hung/ca", "/hung/nats.creds", "/hung/handler.ts"])
      expect(text).toContain(`\\"${file}\\" does not answer`);
  }
});

test("createTargetsOrFailing() makes a target as soon as its files answer", async () => {
  const clock = new FakeClock();
  const errors: unknown[] = [];
  const log = { ...silentLog, error: (_event: string, fields?: object) => void errors.push(fields) };
  let answers = false;
  const deps = {
    clock,
    log,
    readText: () => (answers ? Promise.resolve(null) : new Promise<null>(() => {})),
  };
  const settings = targetSchema.parse(HUNG.stream);
  const problems = [{ path: "credsFile", message: '"/hung/nats.creds" does not answer' }];
  const target = createTargetsOrFailing(deps, new Map([["stream", problems]]))("stream", settings);
  const { signal } = new AbortController();
  const attempt = () =>
    target.send({ meta: eventMeta({}), body: Buffer.from("{}"), attempt: 1, replay: 0, signal });
  expect(await attempt()).toMatchObject({ error: 'credsFile "/hung/nats.creds" does not answer' });
  await clock.advance(5_000);
  const asking = attempt();
  await clock.advance(ANSWER_MS);
  expect(await asking).toMatchObject({
    error: expect.stringContaining("could not be read within 10 seconds"),
  });
  answers = true;
  await clock.advance(5_000);
  expect(await attempt()).toMatchObject({ error: expect.stringContaining("cannot be read: ENOENT") });
  expect(errors).toHaveLength(3);
  await target.close();
});
