import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { UpstreamError } from "../../../../lib/errors.ts";
import {
  createGitlabClient,
  type TokenBudget,
  type GitlabClient,
} from "../../../../relay/targets/module/gitlab-client.ts";
import { httpServer, type Received, type TestServer } from "../../../helpers/http-server.ts";

interface Scripted {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

let server: TestServer;
let seen: Received[];
let script: (request: Received) => Scripted;
let now: number;
let budgets: Map<string, TokenBudget>;

beforeEach(async () => {
  seen = [];
  now = 1_000_000;
  budgets = new Map();
  server = await httpServer((request, response) => {
    seen.push(request);
    const { status, headers = {}, body = "" } = script(request);
    response.writeHead(status, headers).end(body);
  });
});
afterEach(() => server.close());

function client(tokens = ["a", "b"], signal = new AbortController().signal): GitlabClient {
  const options = { url: `${server.url}/`, tokens, eventUuid: null, signal };
  return createGitlabClient(options, { fetch, now: () => now, budgets });
}

const failure = (promise: Promise<unknown>): Promise<UpstreamError> =>
  promise.then(
    () => {
      throw new Error("it succeeded");
    },
    (error: unknown) => error as UpstreamError,
  );
const tokens = (): unknown[] => seen.map((r) => r.headers["private-token"]);

describe("createGitlabClient()", () => {
  test("sends and reads JSON", async () => {
    script = () => ({ status: 201, body: '{"id":7}', headers: { "x-extra": "1" } });
    const answer = await client().post("projects/1/issues", { title: "x" });
    expect(answer).toMatchObject({ status: 201, data: { id: 7 } });
    expect(answer.headers.get("x-extra")).toBe("1");
    expect(seen[0]).toMatchObject({ method: "POST", path: "/api/v4/projects/1/issues" });
    expect(seen[0]?.headers["content-type"]).toBe("application/json");
    expect(seen[0]?.headers).not.toHaveProperty("x-gitlab-event-uuid");
    script = () => ({ status: 204 });
    expect((await client().delete("/projects/1/issues/7")).data).toBeNull();
    await client().get("/x", { a: 1, b: true });
    expect(seen.at(-1)?.path).toBe("/api/v4/x?a=1&b=true");
  });

  test("takes the token with most requests left", async () => {
    budgets.set("a", { remaining: 5, restUntil: 0 });
    script = () => ({ status: 200, headers: { "ratelimit-remaining": "3" } });
    const api = client();
    for (let i = 0; i < 3; i++) await api.get("/x");
    expect(tokens()).toEqual(["b", "a", "a"]);
    expect(budgets.get("b")?.remaining).toBe(3);
  });

  test("a token with nothing left rests until its limit starts anew", async () => {
    script = () => ({
      status: 200,
      headers: { "ratelimit-remaining": "0", "ratelimit-reset": String(now / 1000 + 30) },
    });
    await client(["a"]).get("/x");
    const error = await failure(client(["a"]).get("/x"));
    expect(error).toMatchObject({ code: "gitlab-limit", status: 429, retryable: true, retryAfterMs: 30_000 });
    now += 30_000;
    await client(["a"]).get("/x");
    expect(seen).toHaveLength(2);
  });

  test("429 and 401 go on with the next token; nothing else is repeated", async () => {
    script = (r) => ({ status: r.headers["private-token"] === "a" ? 429 : 500, body: "oh" });
    const error = await failure(client().post("/x", {}));
    expect(error).toMatchObject({ status: 500, retryable: true, retryAfterMs: null });
    expect(error.message).toBe("POST /api/v4/x answered 500: oh");
    expect(tokens()).toEqual(["a", "b"]);
    expect(budgets.get("a")?.restUntil).toBe(now + 60_000);
  });

  test("Retry-After may be a date", async () => {
    const date = new Date(now + 9000).toUTCString();
    script = () => ({ status: 429, headers: { "retry-after": date } });
    expect((await failure(client(["a"]).get("/x"))).retryAfterMs).toBe(9000);
  });

  test("a refusal is not worth a retry, and a redirect is not followed", async () => {
    script = () => ({ status: 403, body: '{"message":"403 Forbidden"}' });
    expect(await failure(client().get("/x"))).toMatchObject({ status: 403, retryable: false });
    script = () => ({ status: 301, headers: { location: "/elsewhere" } });
    expect(await failure(client().get("/x"))).toMatchObject({ status: 301 });
    expect(seen).toHaveLength(2);
  });

  test("a network that fails is told without the token; an abort stays an abort", async () => {
    await server.close();
    const error = await failure(client(["glpat-secret"]).get("/x"));
    expect(error).toMatchObject({ code: "gitlab-away", retryable: true });
    expect(error.message).toContain("ECONNREFUSED");
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain("glpat-secret");
    const reason = new Error("time is up");
    await expect(client(["a"], AbortSignal.abort(reason)).get("/x")).rejects.toBe(reason);
  });

  test("list() asks for all pages, and for no more than are taken", async () => {
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
    await expect(client().list("/x").next()).rejects.toThrow("GET /x answered no list");
  });
});
