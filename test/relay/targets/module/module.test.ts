import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../../../lib/clock.ts";
import type { Log, LogFields } from "../../../../lib/log.ts";
import type { EventMeta } from "../../../../relay/event/event.ts";
import { createTargets } from "../../../../relay/targets/registry.ts";
import { targetSchema } from "../../../../relay/targets/registry.ts";
import type { AttemptResult, Target } from "../../../../relay/delivery/port.ts";
import { eventMeta } from "../../../helpers/events.ts";
import { httpServer, type Received } from "../../../helpers/http-server.ts";

const MANY = new URL("../../../fixtures/handlers/many.ts", import.meta.url).pathname;

interface Line {
  readonly event: string;
  readonly fields: LogFields;
}

const lines: Line[] = [];
let noticed: { readonly wanted: (line: Line) => boolean; readonly resolve: () => void }[] = [];

function recordingLog(base: LogFields = {}): Log {
  const write = (event: string, fields: LogFields = {}): void => {
    const line = { event, fields: { ...base, ...fields } };
    lines.push(line);
    for (const { resolve } of noticed.filter((n) => n.wanted(line))) resolve();
    noticed = noticed.filter((n) => !n.wanted(line));
  };
  return {
    debug: write,
    info: write,
    warn: write,
    error: write,
    child: (fields) => recordingLog({ ...base, ...fields }),
  };
}

/** Resolves with the next line of that name. */
function logged(event: string): Promise<void> {
  return new Promise((resolve) => {
    noticed.push({ wanted: (line) => line.event === event, resolve });
  });
}

function moduleTarget(handler: string, changes: Record<string, unknown> = {}): Target {
  const create = createTargets({ clock: systemClock, log: recordingLog() });
  return create("code", targetSchema.parse({ type: "module", handler, ...changes }));
}

function send(
  target: Target,
  payload: object,
  signal = new AbortController().signal,
  meta: Partial<EventMeta> = {},
): Promise<AttemptResult> {
  const body = Buffer.from(JSON.stringify(payload));
  return target.send({ meta: eventMeta(meta), body, attempt: 2, replay: 1, signal });
}

const nothing = { status: null, excerpt: null, retryAfterSeconds: null };

describe("a handler", () => {
  let target: Target;
  beforeAll(() => {
    target = moduleTarget(MANY, { memoryMb: 64, options: { chat: "https://chat.example" } });
  });
  afterAll(() => target.close());

  test("gets the event, typed by kind, and its circumstances", async () => {
    const meta = {
      header: "Merge Request Hook",
      kind: "merge_request",
      headers: [
        ["x-gitlab-event", "Merge Request Hook"],
        ["x-gitlab-token", "secret"],
      ] as const,
    };
    const payload = { do: "tell", object_kind: "merge_request" };
    const result = await send(target, payload, undefined, meta);
    expect(result).toMatchObject({ verdict: "done", status: null, error: null });
    expect(JSON.parse(result.excerpt ?? "")).toEqual({
      kind: "merge_request",
      project: "acme/web",
      headers: { "x-gitlab-event": "Merge Request Hook" },
      attempt: 2,
      replay: 1,
      options: { chat: "https://chat.example" },
    });
  });

  test.each([
    ["that returns is done", {}, { ...nothing, verdict: "done", error: null, excerpt: "nothing to do" }],
    ["that throws is tried again", { do: "throw" }, { ...nothing, verdict: "retry", error: "not today" }],
    ["that drops ends it", { do: "drop" }, { ...nothing, verdict: "dead", error: "dropped: never will" }],
    [
      "may say when to come back",
      { do: "later" },
      { ...nothing, verdict: "retry", error: "busy", retryAfterSeconds: 90 },
    ],
    [
      "records its steps",
      { do: "steps" },
      {
        ...nothing,
        verdict: "retry",
        error: "no 2",
        steps: [
          { name: "add", durationMs: expect.any(Number), error: null },
          { name: "fail", durationMs: expect.any(Number), error: "no 2" },
        ],
      },
    ],
    [
      "without `gitlab` in the settings has no client",
      { do: "gitlab" },
      { ...nothing, verdict: "retry", error: "ctx.gitlab needs `gitlab` in the target's settings" },
    ],
  ])("%s", async (_claim, payload, expected) => {
    expect(await send(target, payload)).toEqual(expected);
  });

  test("logs with the event's ids, and what it prints is logged", async () => {
    const printed = logged("handler.output");
    await send(target, { do: "log" });
    await printed;
    expect(lines).toContainEqual({
      event: "handler.log",
      fields: { target: "code", eventId: eventMeta().id, attempt: 2, message: "look", size: 3 },
    });
    expect(lines).toContainEqual({ event: "handler.output", fields: { target: "code", line: "printed" } });
  });

  test("is told when its time is up, and its slot is free at once", async () => {
    const stop = new AbortController();
    const reason = new Error("time is up");
    const waiting = send(target, { do: "wait" }, stop.signal);
    await send(target, {});
    stop.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(await send(target, {})).toMatchObject({ verdict: "done" });
    await expect(send(target, {}, stop.signal)).rejects.toBe(reason);
  });

  test.each([
    ["ends its thread", "exit", /^the handler's process ended: it ended/],
    ["crashes out of the blue", "crash", /^the handler's process ended: out of the blue/],
    ["eats all memory", "eat", /^the handler's process ended: .*memory/],
  ])("that %s is tried again, in a new thread", async (_claim, what, error) => {
    const result = await send(target, { do: what });
    expect(result.verdict).toBe("retry");
    expect(result.error).toMatch(error);
    expect(await send(target, {})).toMatchObject({ verdict: "done" });
  });

  test.runIf(process.platform === "linux")(
    "that hoards buffers fails, and the relay does not grow",
    async () => {
      await send(target, {});
      const before = process.memoryUsage.rss();
      expect(await send(target, { do: "hoard" })).toMatchObject({
        verdict: "retry",
        error: expect.stringMatching(/allocation failed|out of memory/),
      });
      expect((process.memoryUsage.rss() - before) / 2 ** 20).toBeLessThan(32);
      expect(await send(target, {})).toMatchObject({ verdict: "done" });
    },
  );

  test.each([
    null,
    "text",
    7,
    [],
    { type: "nothing" },
    { type: "log", call: 1, level: "shout", message: "x", fields: {} },
    { type: "log", call: 1, level: "info", message: {}, fields: {} },
    { type: "ended", call: "1" },
    { type: "ended", call: 1, verdict: "done", error: null, excerpt: null, retryAfterSeconds: null },
    { type: "ended", call: 1, verdict: "done", error: null, excerpt: 5, retryAfterSeconds: null, steps: [] },
    { type: "ended", call: 1, verdict: "retry", error: "x", excerpt: null, retryAfterSeconds: -1, steps: [] },
    { type: "ended", call: 1, verdict: "later", error: "x", excerpt: null, retryAfterSeconds: 1, steps: {} },
  ])("that says %j costs its thread and nothing else", async (what) => {
    expect(await send(target, { do: "say", what })).toMatchObject({
      verdict: "retry",
      error: "the handler's process ended: it sent an invalid message",
    });
    expect(await send(target, {})).toMatchObject({ verdict: "done" });
  });

  test("that blocks costs its own target an attempt, and the relay nothing", async () => {
    await send(target, {});
    const stop = new AbortController();
    const reason = new Error("time is up");
    const blocked = send(target, { do: "block" }, stop.signal);
    const behind = send(target, {});
    let turns = 0;
    const turning = setInterval(() => (turns += 1), 10);
    stop.abort(reason);
    await expect(blocked).rejects.toBe(reason);
    expect(await behind).toMatchObject({
      verdict: "retry",
      error: "the handler's process ended: it was blocked",
    });
    clearInterval(turning);
    expect(turns).toBeGreaterThan(20);
    expect(await send(target, {})).toMatchObject({ verdict: "done" });
  });
});

describe("loading", () => {
  let folder: string;
  let target: Target | null = null;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "relay-handler-"));
    writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  });
  afterEach(async () => {
    await target?.close();
    target = null;
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const file = (name: string): string => join(folder, name);
  /** As editors and deployments do: a new file in place of the old one. */
  const write = (name: string, text: string): void => {
    writeFileSync(file(`.${name}.new`), text);
    renameSync(file(`.${name}.new`), file(name));
  };

  test("a changed handler takes over, a broken one does not", async () => {
    write("a.ts", 'export const handle = (): string => "one";\n');
    target = moduleTarget(file("a.ts"));
    expect((await send(target, {})).excerpt).toBe("one");
    const reloaded = logged("handler.reloaded");
    write("a.ts", 'export const handle = (): string => "two";\n');
    await reloaded;
    expect((await send(target, {})).excerpt).toBe("two");
    const refused = logged("handler.unusable");
    write("a.ts", "export const handle = (): string => {\n");
    await refused;
    expect((await send(target, {})).excerpt).toBe("two");
  });

  test("the old handler ends what it has under way", async () => {
    const source = (word: string): string =>
      `import { once } from "node:events";
       export async function handle(event, ctx) {
         if (event.payload.wait) await once(ctx.signal, "abort");
         return "${word}";
       }`;
    write("b.js", source("old"));
    target = moduleTarget(file("b.js"));
    await send(target, {});
    const stop = new AbortController();
    const waiting = send(target, { wait: true }, stop.signal);
    const reloaded = logged("handler.reloaded");
    write("b.js", source("new"));
    await reloaded;
    expect((await send(target, {})).excerpt).toBe("new");
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });

  test.each([
    ["is not there", "none.ts", null, /Cannot find module/],
    ["exports nothing to call", "c.js", "export const other = 1;", /it exports no function named handle/],
    ["throws when loaded", "d.js", 'throw new Error("no config");', /no config/],
  ])("a handler that %s fails each attempt with the reason", async (_claim, name, source, error) => {
    if (source !== null) write(name, source);
    target = moduleTarget(file(name));
    for (let i = 0; i < 2; i++) {
      const result = await send(target, {});
      expect(result.verdict).toBe("retry");
      expect(result.error).toMatch(error);
    }
  });
});

const JSON_TYPE = { "content-type": "application/json" };

describe("ctx.gitlab", () => {
  test("pages lists, changes things, and goes on with another token when one is refused or used up", async () => {
    const seen: Received[] = [];
    const server = await httpServer((request, response) => {
      seen.push(request);
      const token = request.headers["private-token"];
      if (token === "expired") return void response.writeHead(401, JSON_TYPE).end("{}");
      if (token === "limited") return void response.writeHead(429, { "retry-after": "3600" }).end();
      const page = new URL(request.path, "http://x").searchParams.get("page");
      const next = page === "1" ? "2" : "";
      response.writeHead(200, { "x-next-page": next, "content-type": "application/json" });
      response.end(request.method === "GET" ? JSON.stringify([{ name: `b${page}` }]) : "{}");
    });
    const gitlab = { url: server.url, tokens: ["expired", "limited", "good"] };
    const target = moduleTarget(MANY, { gitlab });
    const headers = [["x-gitlab-event-uuid", "loop-1"]] as const;
    const result = await send(target, { do: "gitlab" }, undefined, { headers });
    expect(result).toMatchObject({ verdict: "done", excerpt: "b1,b2" });
    expect(seen.map((r) => `${r.headers["private-token"]} ${r.method} ${r.path}`)).toEqual([
      "expired GET /api/v4/projects/42/labels?search=b&per_page=100&page=1",
      "limited GET /api/v4/projects/42/labels?search=b&per_page=100&page=1",
      "good GET /api/v4/projects/42/labels?search=b&per_page=100&page=1",
      "good GET /api/v4/projects/42/labels?search=b&per_page=100&page=2",
      "good PUT /api/v4/projects/42/merge_requests/7",
    ]);
    expect(seen.every((r) => r.headers["x-gitlab-event-uuid"] === "loop-1")).toBe(true);
    expect(JSON.parse(seen.at(-1)?.body.toString() ?? "")).toEqual({ add_labels: "b1,b2" });
    await target.close();
    await server.close();
  });

  test("with every token used up the event waits for as long as GitLab says", async () => {
    const server = await httpServer((_request, response) => {
      response.writeHead(429, { "retry-after": "120" }).end("Retry later");
    });
    const target = moduleTarget(MANY, { gitlab: { url: server.url, tokens: ["a", "b"] } });
    expect(await send(target, { do: "gitlab" })).toMatchObject({
      verdict: "retry",
      error: "GitLab's rate limit is used up for every token",
      retryAfterSeconds: expect.closeTo(120, 0),
    });
    const second = await send(target, { do: "gitlab" });
    expect(second).toMatchObject({
      verdict: "retry",
      error: "GitLab's rate limit is used up for every token",
    });
    expect(second.retryAfterSeconds).toBeGreaterThan(100);
    await target.close();
    await server.close();
  });
});
