import { afterEach, beforeEach, expect, test } from "vitest";
import type { UpstreamError } from "../../../../lib/errors.ts";
import { createTransport } from "../../../../lib/gitlab/transport.ts";
import {
  createGitlabClients,
  type ClientOf,
  type GitlabClient,
} from "../../../../relay/targets/module/gitlab-client.ts";
import { FakeClock } from "../../../helpers/clock.ts";
import { httpServer, type Received, type TestServer } from "../../../helpers/http-server.ts";

interface Scripted {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

let server: TestServer;
let seen: Received[];
let script: (request: Received) => Scripted;
let clock: FakeClock;

beforeEach(async () => {
  seen = [];
  clock = new FakeClock();
  server = await httpServer((request, response) => {
    seen.push(request);
    const { status, headers = {}, body = "" } = script(request);
    const date = new Date(clock.now()).toUTCString();
    response.writeHead(status, { date, "content-type": "application/json", ...headers }).end(body);
  });
});
afterEach(() => server.close());

function clients(tokens: readonly string[]): ClientOf {
  return createGitlabClients({ url: `${server.url}/`, tokens }, { transport: createTransport(), clock });
}

function client(tokens = ["a", "b"], signal = new AbortController().signal): GitlabClient {
  return clients(tokens)({ eventUuid: null, signal });
}

const failure = (promise: Promise<unknown>): Promise<UpstreamError> =>
  promise.then(
    () => {
      throw new Error("it succeeded");
    },
    (error: unknown) => error as UpstreamError,
  );
const tokens = (): unknown[] => seen.map((r) => r.headers["private-token"]);

test("ctx.gitlab sends and reads JSON", async () => {
  script = () => ({ status: 201, body: '{"id":7}', headers: { "x-extra": "1" } });
  const answer = await client().post("projects/1/issues", { title: "x" });
  expect(answer).toMatchObject({ status: 201, data: { id: 7 } });
  expect(answer.headers.get("x-extra")).toBe("1");
  expect(seen[0]).toMatchObject({ method: "POST", path: "/api/v4/projects/1/issues" });
  expect(seen[0]?.headers["content-type"]).toBe("application/json");
  expect(seen[0]?.headers).not.toHaveProperty("x-gitlab-event-uuid");
  script = () => ({ status: 204 });
  expect((await client().delete("/projects/1/issues/7")).data).toBeNull();
  script = () => ({ status: 200, body: "{}" });
  await client().get("/x", { a: 1, b: true });
  expect(seen.at(-1)?.path).toBe("/api/v4/x?a=1&b=true");
});

test("ctx.gitlab reads raw files as text", async () => {
  script = () => ({ status: 200, body: "# Title", headers: { "content-type": "text/plain" } });
  const answer = await client().get("/projects/1/repository/files/README.md/raw", { ref: "main" });
  expect(answer.data).toBe("# Title");
});

test("ctx.gitlab: the clients of a target share what is known of their tokens", async () => {
  script = () => ({
    status: 200,
    body: "{}",
    headers: {
      "ratelimit-remaining": "0",
      "ratelimit-limit": "10",
      "ratelimit-reset": String(clock.now() / 1000 + 30),
    },
  });
  const clientOf = clients(["a"]);
  const call = { eventUuid: "loop-1", signal: new AbortController().signal };
  await clientOf(call).get("/x");
  expect(seen[0]?.headers["x-gitlab-event-uuid"]).toBe("loop-1");
  const error = await failure(clientOf(call).get("/x"));
  expect(error).toMatchObject({ status: 429, retryable: true, retryAfterMs: 30_000 });
  await clock.advance(30_000);
  await clientOf(call).get("/x");
  expect(seen).toHaveLength(2);
});

test("ctx.gitlab: 429 and 401 go on with the next token; nothing else is repeated", async () => {
  script = (r) => ({ status: { a: 429, b: 401 }[String(r.headers["private-token"])] ?? 500, body: "{}" });
  const error = await failure(client(["a", "b", "c"]).get("/x"));
  expect(error).toMatchObject({ status: 500, retryable: true, retryAfterMs: null });
  expect(tokens()).toEqual(["a", "b", "c"]);
});

test("ctx.gitlab: Retry-After of the last token is told to the schedule", async () => {
  const date = new Date(clock.now() + 9000).toUTCString();
  script = () => ({ status: 429, headers: { "retry-after": date } });
  expect((await failure(client(["a"]).get("/x"))).retryAfterMs).toBe(9000);
});

test("ctx.gitlab: a refusal is not worth a retry, and a redirect is not followed", async () => {
  script = () => ({ status: 403, body: '{"message":"403 Forbidden"}' });
  expect(await failure(client().get("/x"))).toMatchObject({ status: 403, retryable: false });
  script = () => ({ status: 301, headers: { location: "/elsewhere" } });
  expect(await failure(client().get("/x"))).toMatchObject({ status: 301 });
  expect(seen).toHaveLength(2);
});

test("ctx.gitlab: a network that fails is told without the token; an abort stays an abort", async () => {
  await server.close();
  const error = await failure(client(["glpat-secret"]).get("/x"));
  expect(error).toMatchObject({ retryable: true });
  expect(error.message).toContain("ECONNREFUSED");
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain("glpat-secret");
  const reason = new Error("time is up");
  await expect(client(["a"], AbortSignal.abort(reason)).get("/x")).rejects.toBe(reason);
});

test("ctx.gitlab.list() asks for all pages, and for no more than are taken", async () => {
  script = (r) => {
    const page = Number(new URL(r.path, "http://x").searchParams.get("page"));
    return {
      status: 200,
      body: `[${page * 10}, ${page * 10 + 1}]`,
      headers: { "x-next-page": `${page + 1}` },
    };
  };
  const got: unknown[] = [];
  for await (const item of client().list("/x")) {
    got.push(item);
    if (got.length === 3) break;
  }
  expect(got).toEqual([10, 11, 20]);
  expect(seen).toHaveLength(2);
  script = () => ({ status: 200, body: "{}" });
  await expect(client().list("/x").next()).rejects.toThrow("not a list");
});
