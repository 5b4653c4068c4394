import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { createBudget, type Budget } from "../../../lib/gitlab/budget.ts";
import { backoffMs, createSender, type Outgoing, type Send } from "../../../lib/gitlab/sender.ts";
import type { Received, Sent } from "../../../lib/gitlab/exchange.ts";
import { AnswerTooLong } from "../../../lib/gitlab/round-trip.ts";
import { ProxyFailure, type Transport } from "../../../lib/gitlab/transport.ts";
import { UpstreamError } from "../../../lib/errors.ts";
import { createScaledClock } from "../../simulator/scaled-clock.ts";

const TOKEN = "glpat-very-secret";

interface Seen {
  readonly url: string;
  readonly sent: Sent;
}

type Reply = (sent: Sent) => Received | Promise<Received>;

function setup(
  replies: readonly Reply[],
  tokens: readonly string[] = [TOKEN],
  timeoutMs = 30_000,
): { send: Send; sent: Seen[]; counts: () => { total: number; rejected: number }; budget: Budget } {
  const clock = createScaledClock(1000);
  const budget = createBudget({ tokens, clock });
  const seen: Seen[] = [];
  const transport: Transport = async (url, sent) => {
    seen.push({ url: url.href, sent });
    const reply = replies[Math.min(seen.length, replies.length) - 1] as Reply;
    return reply(sent);
  };
  const mask = (text: string): string => text.replaceAll(TOKEN, "***");
  return {
    sent: seen,
    budget,
    counts: () => budget.counts,
    send: createSender({ transport, clock, random: () => 0.5, budget, mask, timeoutMs }),
  };
}

function get(method: Outgoing["method"] = "GET", ownLimit = false): Outgoing {
  const url = new URL("https://gitlab.example.com/api/v4/projects/12/hooks?per_page=100");
  return {
    method,
    url,
    path: "/projects/12/hooks",
    ownLimit,
    ...(method === "GET" ? {} : { body: { a: 1 } }),
  };
}

const json = (status: number, body: unknown, headers: Record<string, string> = {}): Reply => {
  const type = { "content-type": "application/json", ...headers };
  return () => ({ status, headers: type, text: JSON.stringify(body) });
};
const text = (status: number, words: string, headers: Record<string, string> = {}): Reply => {
  return () => ({ status, headers, text: words });
};
const broken: Reply = () => {
  throw Object.assign(new Error(`connect ECONNREFUSED with ${TOKEN}`), { code: "ECONNREFUSED" });
};

async function failure(promise: Promise<unknown>): Promise<UpstreamError> {
  const rejection: unknown = await promise.then(
    () => null,
    (error: unknown) => error,
  );
  expect(rejection).toBeInstanceOf(UpstreamError);
  return rejection as UpstreamError;
}

test("backoffMs() doubles under full jitter and stops at its cap", () => {
  expect([1, 2, 3, 4, 5, 9].map((attempt) => backoffMs(attempt, () => 1))).toEqual([
    500, 1000, 2000, 4000, 8000, 10_000,
  ]);
  expect(backoffMs(3, () => 0)).toBe(0);
});

describe("send()", () => {
  test("sends the token as a header and returns parsed JSON", async () => {
    const { send, sent } = setup([json(200, [{ id: 1 }], { link: "<x>" })]);
    const answer = await send(get());
    expect(answer).toMatchObject({ status: 200, body: [{ id: 1 }], headers: { link: "<x>" } });
    expect(sent[0]?.sent).toMatchObject({ method: "GET", headers: { "private-token": TOKEN } });
    expect(sent[0]?.sent).not.toHaveProperty("body");
  });

  test("an empty answer is null, and a file stays text, unchanged ones included", async () => {
    expect((await setup([text(204, "")]).send(get("DELETE"))).body).toBeNull();
    expect((await setup([text(200, "[1]")]).send({ ...get(), isFile: true })).body).toBe("[1]");
    expect((await setup([text(304, "")]).send({ ...get(), isFile: true })).status).toBe(304);
  });

  test.each(["GET", "PUT", "DELETE"] as const)(
    "%s is repeated after 5xx and counts each try",
    async (method) => {
      const { send, counts } = setup([json(500, {}), json(502, {}), broken, json(200, { ok: true })]);
      expect((await send(get(method))).body).toEqual({ ok: true });
      expect(counts().total).toBe(4);
    },
  );

  test("gives up after four tries, with the status", async () => {
    const { send, counts } = setup([json(503, { message: "busy" }, { "retry-after": "1" })]);
    const error = await failure(send(get()));
    expect(error).toMatchObject({ code: "unavailable", status: 503, retryable: true });
    expect(error.message).toBe("GET /projects/12/hooks: 503 busy");
    expect(counts().total).toBe(4);
  });

  test.each([
    ["502", json(502, {})],
    ["a cut connection", broken],
  ])("a POST is never repeated after %s", async (_what, reply) => {
    const { send, counts } = setup([reply]);
    expect((await failure(send(get("POST")))).retryable).toBe(true);
    expect(counts().total).toBe(1);
  });

  test("a 429 was not executed, so every method is sent again when the gate opens", async () => {
    const { send, counts } = setup([json(429, {}, { "retry-after": "1" }), json(201, { id: 3 })]);
    expect((await send(get("POST"))).status).toBe(201);
    expect(counts()).toEqual({ total: 2, rejected: 1 });
  });

  test("an answer that does not end is a bad answer, after one try", async () => {
    const { send, sent } = setup([
      () => {
        throw new AnswerTooLong("the answer is longer than 64 bytes");
      },
    ]);
    expect(await failure(send(get()))).toMatchObject({
      code: "bad-answer",
      message: expect.stringMatching(/^GET \/projects\/12\/hooks: the answer is longer .*--gitlab-url/),
    });
    expect(sent).toHaveLength(1);
  });

  test("an endpoint that throttles for ever ends the run as a rate limit, with a note", async () => {
    const { send, sent, budget } = setup([json(429, {}, { "retry-after": "1" })]);
    await expect(send(get())).rejects.toMatchObject({ reason: "rate-limit" });
    expect(sent).toHaveLength(10);
    expect(budget.stopNote).toMatch(/GET \/projects\/12\/hooks.*429.*10 times in a row/);
  });

  test("a 429 of an endpoint's own limit is an answer", async () => {
    const { send, counts } = setup([json(429, { message: { error: "too many" } }, { "retry-after": "60" })]);
    expect(await failure(send(get("POST", true)))).toMatchObject({ code: "throttled", status: 429 });
    expect(counts()).toEqual({ total: 1, rejected: 1 });
  });

  test("a 401 hands over to the next token", async () => {
    const { send, sent } = setup([json(401, {}), json(200, {})], [TOKEN, "second"]);
    await send(get("POST"));
    expect(sent.map((s) => s.sent.headers["private-token"])).toEqual([TOKEN, "second"]);
  });

  test("a 401 without another token is an error", async () => {
    const { send, counts } = setup([json(401, {})]);
    expect(await failure(send(get()))).toMatchObject({ code: "unauthorized", status: 401 });
    expect(counts().total).toBe(1);
  });

  test.each([
    [400, "invalid"],
    [403, "forbidden"],
    [404, "not-found"],
    [422, "invalid"],
  ])("%i is %s, once", async (status, code) => {
    const { send, counts } = setup([json(status, { message: `${status} No` })]);
    expect(await failure(send(get()))).toMatchObject({
      code,
      status,
      message: `GET /projects/12/hooks: ${status} No`,
    });
    expect(counts().total).toBe(1);
  });

  test("a redirect is explained and not followed", async () => {
    const { send, counts } = setup([text(301, "moved", { location: "https://elsewhere.example.com/" })]);
    const error = await failure(send(get()));
    expect(error).toMatchObject({ code: "redirect", retryable: false });
    expect(error.message).toContain("--gitlab-url");
    expect(counts().total).toBe(1);
  });

  test("an answer that does not come within the time-out is given up", async () => {
    const hang: Reply = ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error));
      });
    const { send, counts } = setup([hang], [TOKEN], 50);
    expect(await failure(send(get("POST")))).toMatchObject({ code: "timeout", retryable: true });
    expect(counts().total).toBe(1);
  });

  test("no error carries the token, a request or a cause", async () => {
    for (const reply of [json(422, { message: `bad ${TOKEN}` }), json(500, `<html>${TOKEN}`), broken]) {
      const error = await failure(setup([reply]).send(get("POST")));
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(TOKEN);
      expect(error.cause).toBeUndefined();
    }
  });

  test("says what GitLab said, whichever way it says it", async () => {
    const words = async (reply: Reply): Promise<string> =>
      (await failure(setup([reply]).send(get("POST")))).message;
    const start = "POST /projects/12/hooks: 422";
    expect(await words(json(422, { error: "Invalid url given" }))).toBe(`${start} Invalid url given`);
    expect(await words(json(422, { message: { url: ["is blocked"] } }))).toBe(
      `${start} {"url":["is blocked"]}`,
    );
    expect(await words(json(422, { error: "insufficient_scope", error_description: "more please" }))).toBe(
      `${start} more please`,
    );
    expect(await words(text(422, "<!DOCTYPE html><p>long</p>"))).toBe(start);
    expect(await words(text(422, "plain words"))).toBe(`${start} plain words`);
  });
});

const PAGE = "<!DOCTYPE html><html><head><title>Request Rejected</title></head><body>4711</body></html>";
const html = { "content-type": "text/html" };

describe("something in front of GitLab", () => {
  test.each([
    ["rack-attack", text(403, "Forbidden\n", { "content-type": "text/plain" }), "Forbidden"],
    ["a firewall", text(403, PAGE, html), "Request Rejected"],
    ["an empty refusal", text(403, ""), "not GitLab's"],
  ])("%s that comes twice stops the run for all workers as blocked", async (_, reply, words) => {
    const { send, counts, budget } = setup([reply, reply, json(200, {})]);
    await expect(send(get())).rejects.toMatchObject({ name: "RunStopped", reason: "blocked" });
    await expect(send(get())).rejects.toMatchObject({ reason: "blocked" });
    expect(counts().total).toBe(2);
    expect(budget.stopNote).toContain(words);
  });

  test.each([
    ["a log-in page", text(200, PAGE, html)],
    ["a redirect to one", text(302, "", { location: "https://login.example.com/" })],
    ["a page for what is not found", text(404, PAGE, html)],
    ["a log-in of the browser", text(401, PAGE, html)],
  ])("%s blocks once GitLab has been heard", async (_, reply) => {
    const { send } = setup([json(200, {}), reply]);
    await send(get());
    await expect(send(get())).rejects.toMatchObject({ reason: "blocked" });
  });

  test.each([
    ["GitLab's own refusal", json(403, { message: "403 Forbidden" }), "forbidden"],
    ["GitLab's own not found", json(404, { message: "404 Not Found" }), "not-found"],
    ["a gateway without GitLab", text(502, PAGE, html), "unavailable"],
    [
      "a project that moved",
      text(301, "", { location: "https://gitlab.example.com/api/v4/projects/7" }),
      "redirect",
    ],
  ])("%s blocks nothing", async (_, reply, code) => {
    const { send, budget } = setup([json(200, {}), reply]);
    await send(get());
    expect(await failure(send(get("POST")))).toMatchObject({ code });
    expect(budget.stopped).toBeNull();
  });

  test.each([
    ["a page", text(200, PAGE, html), "bad-answer", "--gitlab-url a GitLab instance"],
    ["not found", text(404, PAGE, html), "no-gitlab", "relative root such as /gitlab"],
    [
      "a redirect that names the root",
      text(302, "", { location: "/gitlab/users/sign_in" }),
      "redirect",
      "GitLab seems to be at https://gitlab.example.com/gitlab",
    ],
    [
      "a redirect to https",
      text(301, "", { location: "https://git.example.com/api/v4/projects/12/hooks" }),
      "redirect",
      "GitLab says that it moved",
    ],
  ])("before that, %s is a wrong address", async (_, reply, code, words) => {
    const { send, budget } = setup([reply]);
    const error = await failure(send(get()));
    expect(error).toMatchObject({ code, retryable: false });
    expect(error.message).toContain(words);
    expect(error.message).not.toMatch(/[\r\n]/);
    expect(budget.stopped).toBeNull();
  });
});

describe("a token without the scope", () => {
  const scope = json(403, { error: "insufficient_scope", error_description: "more is needed", scope: "api" });

  test("the next one takes over, for reads and writes", async () => {
    for (const method of ["GET", "POST"] as const) {
      const { send, sent } = setup([scope, json(201, { id: 1 })], [TOKEN, "second"]);
      expect((await send(get(method))).body).toEqual({ id: 1 });
      expect(sent.map((s) => s.sent.headers["private-token"])).toEqual([TOKEN, "second"]);
    }
  });

  test("if none has it, a write says so once and for all, and a read is refused", async () => {
    const { send, counts } = setup([scope], [TOKEN, "second"]);
    expect(await failure(send(get("PUT")))).toMatchObject({ code: "insufficient-scope" });
    expect(await failure(send(get("PUT")))).toMatchObject({ code: "insufficient-scope" });
    expect(counts().total).toBe(2);
    expect(await failure(send(get()))).toMatchObject({ code: "forbidden", message: /more is needed/ });
  });
});

describe("no answer", () => {
  const thrown =
    (code: string): Reply =>
    () => {
      throw Object.assign(new Error(`failed with ${TOKEN}`), { code });
    };

  test.each([
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "certificate", "NODE_EXTRA_CA_CERTS"],
    ["SELF_SIGNED_CERT_IN_CHAIN", "certificate", "NODE_EXTRA_CA_CERTS"],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "certificate", "NODE_EXTRA_CA_CERTS"],
    ["CERT_HAS_EXPIRED", "certificate", "certificate of gitlab.example.com is not accepted"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "certificate", "--gitlab-url"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "protocol", "does not speak https"],
  ])("%s is %s, with the cure and without another try", async (system, code, words) => {
    const { send, counts } = setup([thrown(system)]);
    const error = await failure(send(get()));
    expect(error).toMatchObject({ code, retryable: false });
    expect(error.message).toContain(words);
    expect(error.message).not.toContain(TOKEN);
    expect(counts().total).toBe(1);
  });

  test.each([
    ["Proxy response (407) !== 200 when HTTP Tunneling", false, "wants credentials (407)"],
    ["Proxy response (403) !== 200 when HTTP Tunneling", false, "it answered 403"],
    ["connect ECONNREFUSED 10.0.0.1:3128", true, "through the proxy proxy.test:3128"],
  ])("a proxy that fails with %j is named", async (message, retryable, words) => {
    const { send } = setup([
      () => {
        throw new ProxyFailure("proxy.test:3128", new Error(message));
      },
    ]);
    const error = await failure(send(get("POST")));
    expect(error).toMatchObject({ code: "proxy", retryable });
    expect(error.message).toContain(words);
  });
});

test("GitLab's words reach no terminal as escapes or as lines of their own", async () => {
  const { send } = setup([json(422, { message: "no\r\n\u001b[2Jfaked" })]);
  expect((await failure(send(get()))).message).toBe("GET /projects/12/hooks: 422 no [2Jfaked");
});
