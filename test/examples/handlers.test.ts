import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isConventional } from "../../examples/handlers/conventional-title.ts";
import { labelsFor } from "../../examples/handlers/label-by-path.ts";
import { systemClock } from "../../lib/clock.ts";
import { eventFacts } from "../../relay/event/event-facts.ts";
import { silentLog } from "../../lib/log.ts";
import { createTargets } from "../../relay/targets/registry.ts";
import { targetSchema } from "../../relay/targets/registry.ts";
import type { AttemptResult, Target } from "../../relay/delivery/port.ts";
import { eventMeta } from "../helpers/events.ts";
import { httpServer, type Received, type TestServer } from "../helpers/http-server.ts";

let server: TestServer;
let target: Target | null = null;
let seen: Received[];
let respond: (request: Received, response: ServerResponse) => void;

beforeEach(async () => {
  seen = [];
  respond = (_request, response) => response.end("{}");
  server = await httpServer((request, response) => {
    seen.push(request);
    response.setHeader("content-type", "application/json");
    respond(request, response);
  });
});
afterEach(async () => {
  await target?.close();
  await server.close();
});

/** Answers lists with these items and everything else with an empty object. */
function listing(items: readonly object[]): void {
  respond = (request, response) => response.end(request.method === "GET" ? JSON.stringify(items) : "{}");
}

const asked = (): string[] => seen.map((r) => `${r.method} ${r.path.replace(/\?.*/, "")}`);

/** Runs an example as a target with an event of the fixtures. */
function run(
  name: string,
  fixture: string,
  settings: object,
  change: (payload: Record<string, never>) => void = () => {},
): Promise<AttemptResult> {
  const payload = JSON.parse(
    readFileSync(new URL(`../fixtures/${fixture}.json`, import.meta.url), "utf8"),
  ) as Record<string, never>;
  change(payload);
  const handler = new URL(`../../examples/handlers/${name}.ts`, import.meta.url).pathname;
  const create = createTargets({ clock: systemClock, log: silentLog });
  target = create(name, targetSchema.parse({ type: "module", handler, ...settings }));
  const { kind, action } = eventFacts({ header: null, instance: null }, payload);
  return target.send({
    meta: eventMeta({ header: null, kind, action }),
    body: Buffer.from(JSON.stringify(payload)),
    attempt: 1,
    replay: 0,
    signal: new AbortController().signal,
  });
}

const gitlab = () => ({ gitlab: { url: server.url, tokens: ["t"] } });

describe("examples/handlers/label-by-path.ts", () => {
  test("labelsFor() looks at the beginning of paths", () => {
    expect(labelsFor(["docs/a.md", "backend/x/y.go", "src/docs/z"])).toEqual(["documentation", "backend"]);
  });

  test("adds the labels that are missing", async () => {
    listing([{ new_path: "docs/a.md" }, { new_path: ".gitlab-ci.yml" }]);
    const result = await run("label-by-path", "merge-request", gitlab());
    expect(result).toMatchObject({ verdict: "done", excerpt: "added documentation, pipeline" });
    expect(result.steps?.map((s) => s.name)).toEqual(["changed files", "add labels"]);
    expect(asked()[0]).toMatch(/^GET \/api\/v4\/projects\/\d+\/merge_requests\/\d+\/diffs$/);
    expect(JSON.parse(seen[1]?.body.toString() ?? "")).toEqual({ add_labels: "documentation,pipeline" });
  });

  test("does nothing where they are there, so that it does not answer its own change", async () => {
    listing([{ new_path: "docs/a.md" }]);
    const result = await run("label-by-path", "merge-request", gitlab(), (payload) => {
      Object.assign(payload, { labels: [{ title: "documentation" }] });
    });
    expect(result).toMatchObject({ verdict: "done", excerpt: "nothing to add" });
    expect(seen).toHaveLength(1);
  });

  test("an event of another kind ends at once", async () => {
    expect(await run("label-by-path", "push", gitlab())).toMatchObject({
      verdict: "dead",
      error: "dropped: a push is no merge request",
    });
  });
});

describe("examples/handlers/conventional-title.ts", () => {
  test.each([
    ["feat: x", true],
    ["fix(login)!: accept long names", true],
    ["Feature: x", false],
    ["feat:x", false],
    ["Draft: feat: x", false],
  ])("isConventional() of %s is %s", (title, expected) => {
    expect(isConventional(title)).toBe(expected);
  });

  const titled = (title: string) => (payload: Record<string, never>) => {
    Object.assign(payload["object_attributes"] ?? {}, { title });
  };
  const own = { id: 5, body: "<!-- conventional-title -->\nsaid" };

  test.each([
    ["comments once", "Stuff", [], "commented", "POST"],
    ["says nothing twice", "Stuff", [{ id: 4, body: "hi" }, own], "said before", null],
    ["takes the comment back", "fix: stuff", [own], "the title is fine again", "DELETE"],
    ["leaves a good title alone", "fix: stuff", [], "the title is fine", null],
  ])("%s", async (_claim, title, notes, excerpt, method) => {
    listing(notes);
    const result = await run("conventional-title", "merge-request", gitlab(), titled(title));
    expect(result).toMatchObject({ verdict: "done", excerpt });
    expect(seen.slice(1).map((r) => r.method)).toEqual(method === null ? [] : [method]);
  });
});

describe("examples/handlers/notify-chat.ts", () => {
  const settings = () => ({ options: { chatUrl: `${server.url}/hook` } });

  test("posts a line to the chat", async () => {
    expect(await run("notify-chat", "pipeline", settings())).toMatchObject({ verdict: "done" });
    expect(asked()).toEqual(["POST /hook"]);
    expect((JSON.parse(seen[0]?.body.toString() ?? "") as { text: string }).text).toMatch(/^Pipeline <http/);
  });

  test.each([
    [429, { verdict: "retry", error: "the chat is busy", retryAfterSeconds: 7 }],
    [500, { verdict: "retry", error: "the chat answered 500" }],
    [410, { verdict: "dead", error: "dropped: the chat answered 410" }],
  ])("an answer of %i", async (status, expected) => {
    respond = (_request, response) => response.writeHead(status, { "retry-after": "7" }).end();
    expect(await run("notify-chat", "pipeline", settings())).toMatchObject(expected);
  });
});
