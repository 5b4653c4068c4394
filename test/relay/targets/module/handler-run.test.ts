import { expect, test } from "vitest";
import { systemClock } from "../../../../lib/clock.ts";
import { createTransport } from "../../../../lib/gitlab/transport.ts";
import { UpstreamError } from "../../../../lib/errors.ts";
import { createGitlabClients } from "../../../../relay/targets/module/gitlab-client.ts";
import type { HandleEvent } from "../../../../relay/targets/module/handler.ts";
import { runHandler } from "../../../../relay/targets/module/handler-run.ts";
import type { FromThread } from "../../../../relay/targets/module/protocol.ts";
import { eventMeta } from "../../../helpers/events.ts";

async function run(handle: HandleEvent, body = '{"object_kind":"push"}'): Promise<FromThread[]> {
  const said: FromThread[] = [];
  await runHandler(
    handle,
    { type: "handle", call: 1, meta: eventMeta(), body: Buffer.from(body), attempt: 3, replay: 0 },
    new AbortController().signal,
    {
      data: {
        handlerUrl: "file:///x.ts",
        options: { a: "b" },
        gitlab: { url: "http://127.0.0.1:1", tokens: ["t"] },
      },
      say: (message) => void said.push(message),
      gitlab: createGitlabClients(
        { url: "http://127.0.0.1:1", tokens: ["t"] },
        { transport: createTransport(), clock: systemClock },
      ),
    },
  );
  return said;
}

const end = { type: "ended", call: 1, error: null, excerpt: null, retryAfterSeconds: null, steps: [] };

test.each<[string, HandleEvent, object]>([
  ["returning is done", () => {}, { verdict: "done" }],
  ["a text is shown, its beginning", () => "x".repeat(600), { verdict: "done", excerpt: "x".repeat(512) }],
  ["a throw is a retry", () => Promise.reject(new Error("no")), { verdict: "retry", error: "no" }],
  ["even of no error", () => Promise.reject("no" as unknown as Error), { verdict: "retry", error: "no" }],
  [
    "a Drop is dead",
    (_event, ctx) => {
      throw new ctx.Drop("why");
    },
    { verdict: "dead", error: "dropped: why" },
  ],
  [
    "retryAfter() says when",
    (_event, ctx) => ctx.retryAfter(5),
    { verdict: "retry", error: "asked for 5 s", retryAfterSeconds: 5 },
  ],
  [
    "GitLab's limit says when",
    () => {
      throw new UpstreamError("gitlab-limit", "used up", { retryable: true, retryAfterMs: 2500 });
    },
    { verdict: "retry", error: "used up", retryAfterSeconds: 2.5 },
  ],
  [
    "GitLab away is a retry",
    async (_event, ctx) => {
      await ctx.gitlab.get("/x");
    },
    { verdict: "retry", error: expect.stringContaining("ECONNREFUSED") },
  ],
])("runHandler(): %s", async (_claim, handle, expected) => {
  expect(await run(handle)).toEqual([{ ...end, ...expected }]);
});

test("runHandler() gives the event, its circumstances and a timeline", async () => {
  const said = await run(async (event, ctx) => {
    ctx.log.info("seen", { kind: event.kind, when: new Date(0) });
    expect(event.project).toEqual({ id: 42, path: "acme/web" });
    expect(ctx).toMatchObject({ attempt: 3, replay: 0, options: { a: "b" } });
    const value = await ctx.step("one", () => 1);
    await ctx.step("two", () => Promise.reject(new Error(`not ${value}`))).catch(() => {});
  });
  expect(said[0]).toEqual({
    type: "log",
    call: 1,
    level: "info",
    message: "seen",
    fields: { kind: "push", when: "1970-01-01T00:00:00.000Z" },
  });
  expect(said[1]).toMatchObject({
    verdict: "done",
    steps: [
      { name: "one", error: null },
      { name: "two", error: "not 1" },
    ],
  });
});

test("runHandler() goes by the header where the payload names a kind that nobody knows", async () => {
  const said = await run((event) => event.kind, '{"object_kind":"brand_new"}');
  expect(said).toMatchObject([{ verdict: "done", excerpt: "push" }]);
});
