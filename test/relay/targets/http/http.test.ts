import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { Webhook } from "standardwebhooks";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../../lib/clock.ts";
import { silentLog } from "../../../../lib/log.ts";
import type { EventMeta } from "../../../../relay/event/event.ts";
import type { Resolve } from "../../../../relay/targets/connection/addresses.ts";
import type { HttpTargetDeps } from "../../../../relay/targets/http/http.ts";
import { createTargetsOrFailing, targetSchema } from "../../../../relay/targets/registry.ts";
import type { Sending, Target } from "../../../../relay/delivery/port.ts";
import { eventMeta } from "../../../helpers/events.ts";
import { httpServer, tcpServer, type Received, type TestServer } from "../../../helpers/http-server.ts";
import { httpConfig } from "../../../helpers/targets.ts";

const server0 = "http://127.0.0.1:9/";
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

async function serve(...args: Parameters<typeof httpServer>): Promise<TestServer> {
  const server = await httpServer(...args);
  open.push(server);
  return server;
}

async function serveTcp(...args: Parameters<typeof tcpServer>): Promise<TestServer> {
  const server = await tcpServer(...args);
  open.push(server);
  return server;
}

function targetAt(
  url: string,
  changes: Record<string, unknown> = {},
  deps: Partial<HttpTargetDeps> = {},
): Target {
  const create = createTargetsOrFailing({ clock: systemClock, log: silentLog, ...deps });
  const target = create("bot", httpConfig({ url, ...changes }));
  open.push(target);
  return target;
}

function sending(changes: Partial<Sending> & { meta?: EventMeta } = {}): Sending {
  return {
    meta: eventMeta(),
    body: Buffer.from('{"object_kind":"push"}'),
    attempt: 1,
    replay: 0,
    signal: new AbortController().signal,
    ...changes,
  };
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((r) => {
    resolve = r;
  });
  return { promise, resolve };
}

const headers: EventMeta["headers"] = [
  ["content-type", "application/json"],
  ["user-agent", "GitLab/19.0"],
  ["x-gitlab-event", "Push Hook"],
  ["x-gitlab-instance", "https://gitlab.example.com"],
  ["x-gitlab-webhook-uuid", "w"],
  ["x-gitlab-event-uuid", "e"],
  ["x-gitlab-token", "must-not-leave"],
  ["idempotency-key", "k"],
  ["webhook-id", "k"],
  ["webhook-timestamp", "1768478400"],
  ["webhook-signature", "v1,abc"],
  ["authorization", "Bearer of-the-sender"],
  ["cookie", "a=b"],
  ["x-custom", "c"],
  ["connection", "close"],
  ["te", "trailers"],
];

describe("what is sent", () => {
  test("the body arrives byte for byte, whatever it holds", async () => {
    const seen: Received[] = [];
    const server = await serve((request, response) => {
      seen.push(request);
      response.end();
    });
    const target = targetAt(`${server.url}/hook?x=1&y=%20`);
    const bodies = [
      Buffer.from('{ "a" : 1e400, "id": 12345678901234567890, "s":"\\u0000é" }\r\n'),
      Buffer.alloc(0),
      Buffer.from(Array.from({ length: 65_536 }, (_, i) => i & 255)),
      Buffer.alloc(3_000_000, "x"),
    ];
    for (const body of bodies) {
      expect((await target.send(sending({ body }))).verdict).toBe("done");
    }
    expect(seen.map((r) => `${r.method} ${r.path}`)).toEqual(bodies.map(() => "POST /hook?x=1&y=%20"));
    for (const [i, body] of bodies.entries()) {
      expect(seen[i]?.body.equals(body)).toBe(true);
      expect(seen[i]?.headers["content-length"]).toBe(String(body.length));
    }
  });

  test("GitLab's own headers and the relay's go along, nothing else of the sender's", async () => {
    const seen: Received[] = [];
    const server = await serve((request, response) => {
      seen.push(request);
      response.end();
    });
    const target = targetAt(server.url);
    await target.send(sending({ meta: eventMeta({ headers }), attempt: 3 }));
    expect(seen[0]?.headers).toEqual({
      connection: "keep-alive",
      "content-length": "22",
      "content-type": "application/json",
      host: new URL(server.url).host,
      "idempotency-key": "k",
      "user-agent": "gitlab-hook-relay",
      "webhook-id": "k",
      "webhook-signature": "v1,abc",
      "webhook-timestamp": "1768478400",
      "x-gitlab-event": "Push Hook",
      "x-gitlab-event-uuid": "e",
      "x-gitlab-instance": "https://gitlab.example.com",
      "x-gitlab-webhook-uuid": "w",
      "x-relay-attempt": "3",
      "x-relay-event-id": "01kf0000000000000000000001",
      "x-relay-received-at": "2026-01-15T12:00:00.000Z",
    });
  });

  test("configured headers win, and user info of the URL becomes basic authentication", async () => {
    const seen: Received[] = [];
    const server = await serve((request, response) => {
      seen.push(request);
      response.end();
    });
    const url = server.url.replace("http://", "http://us%40er:p%3Aw@");
    const own = { "X-Gitlab-Event": "mine", Authorization: "Bearer t", "content-type": "text/plain" };
    await targetAt(url).send(sending());
    await targetAt(url, { headers: own }).send(sending({ meta: eventMeta({ headers }) }));
    expect(seen[0]?.headers.authorization).toBe(`Basic ${Buffer.from("us@er:p:w").toString("base64")}`);
    expect(seen[1]?.headers).toMatchObject({
      authorization: "Bearer t",
      "content-type": "text/plain",
      "x-gitlab-event": "mine",
    });
  });

  test("every signing token signs, and the reference library accepts each", async () => {
    const seen: Received[] = [];
    const server = await serve((request, response) => {
      seen.push(request);
      response.end();
    });
    const signingTokens = [1, 2].map((n) => `whsec_${Buffer.alloc(32, n).toString("base64")}`);
    const target = targetAt(server.url, { signingTokens });
    const body = Buffer.from('{"object_kind":"push","name":"Żółć"}');
    await target.send(sending({ body, meta: eventMeta({ headers }) }));
    await target.send(sending({ body, attempt: 2 }));
    for (const request of seen) {
      const sent = request.headers as Record<string, string>;
      for (const token of signingTokens) {
        expect(new Webhook(token).verify(request.body.toString("utf8"), sent)).toMatchObject({
          object_kind: "push",
        });
      }
      expect(sent["webhook-signature"]?.split(" ")).toHaveLength(2);
      expect(sent["webhook-id"]).toBe("01kf0000000000000000000001");
      const stranger = new Webhook(`whsec_${Buffer.alloc(32, 3).toString("base64")}`);
      expect(() => stranger.verify(request.body.toString("utf8"), sent)).toThrow(
        "No matching signature found",
      );
    }
  });

  test("connections are kept and used again, never more than there are slots", async () => {
    const server = await serve((_request, response) => response.end("thanks"));
    const single = targetAt(server.url, { concurrency: 1 });
    for (let i = 0; i < 50; i++) await single.send(sending());
    expect(server.connections()).toBe(1);
    const wide = targetAt(server.url, { concurrency: 10 });
    for (let i = 0; i < 20; i++) await Promise.all(Array.from({ length: 10 }, () => wide.send(sending())));
    expect(server.connections()).toBeLessThanOrEqual(11);
  });
});

describe("what comes back", () => {
  test("status, excerpt and Retry-After are told", async () => {
    const server = await serve((_request, response) => {
      response.writeHead(503, { "retry-after": "17" });
      response.end("é".repeat(5000));
    });
    expect(await targetAt(server.url).send(sending())).toEqual({
      verdict: "retry",
      status: 503,
      error: "answered 503",
      excerpt: "é".repeat(512),
      retryAfterSeconds: 17,
    });
  });

  test("a redirect is not followed, and its address is shown without query", async () => {
    let asked = 0;
    const server = await serve((_request, response) => {
      asked += 1;
      response.writeHead(307, { location: "/elsewhere?token=secret" }).end();
    });
    const result = await targetAt(server.url).send(sending());
    expect(result).toMatchObject({ verdict: "dead", status: 307 });
    expect(result.error).toContain(`to ${server.url}/elsewhere:`);
    expect(asked).toBe(1);
  });

  test("informational answers come before the real one", async () => {
    const server = await serveTcp((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
        socket.write("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
      });
    });
    expect(await targetAt(server.url).send(sending())).toMatchObject({ verdict: "done", status: 202 });
  });

  test("a body of the settings takes the place of the received one, and GitLab's signature stays behind", async () => {
    const seen: Received[] = [];
    const server = await serve((request, response) => {
      seen.push(request);
      response.end();
    });
    const body = { text: "{{ event.sentence }}", n: "{{ body.n }}", list: ["{{ event.url }}", true, null] };
    const received = [
      ["x-gitlab-event", "Push Hook"],
      ["webhook-signature", "v1,x"],
      ["content-type", "application/vnd.other"],
    ] as const;
    const meta = eventMeta({
      actor: "alice",
      ref: "refs/heads/main",
      projectPath: "acme/web",
      headers: received,
    });
    const given = Buffer.from('{"object_kind":"push","ref":"refs/heads/main","user_username":"alice","n":3}');
    await targetAt(server.url, { body }).send(sending({ meta, body: given }));
    await targetAt(server.url, { format: "jenkins" }).send(sending({ meta, body: given }));
    await targetAt(server.url).send(sending({ meta, body: given }));
    expect(JSON.parse(seen[0]?.body.toString() ?? "")).toEqual({
      text: "alice pushed to main of acme/web",
      n: 3,
      list: [null, true, null],
    });
    expect(seen[0]?.headers).toMatchObject({
      "content-type": "application/json",
      "x-gitlab-event": "Push Hook",
    });
    expect(seen[0]?.headers).not.toHaveProperty("webhook-signature");
    expect(seen[1]?.headers["content-type"]).toBe("application/x-www-form-urlencoded");
    expect(new URLSearchParams(seen[1]?.body.toString()).get("GITLAB_BRANCH")).toBe("main");
    expect(seen[2]?.headers["webhook-signature"]).toBe("v1,x");
  });

  test("an event that lacks what the body asks for is dead, with the place", async () => {
    const server = await serve((_request, response) => void response.end());
    const result = await targetAt(server.url, { body: { a: { b: "{{ body.nope }}" } } }).send(sending());
    expect(result).toMatchObject({ verdict: "dead", status: null, error: "body.a.b: No such key: nope" });
    expect(server.connections()).toBe(0);
  });

  test.each([
    [{ body: { text: "{{ nope }}" } }, ["body.text: {{ nope }}: Unknown variable: nope"]],
    [{ body: ["{{ 1"] }, ["body.0: {{ without }}"]],
    [{ body: { a: 1 }, format: "slack" }, ["body: replaces the format; set only one of the two"]],
    [{ body: "text" }, [expect.stringContaining("body: ")]],
  ])("%j is found with the settings", (changes, problems) => {
    const parsed = targetSchema.safeParse({ type: "http", url: server0, ...changes });
    expect(parsed.error?.issues.map((i) => `${i.path.join(".")}: ${i.message}`)).toEqual(problems);
  });

  const reason = JSON.stringify({ error: "no such room: ünbekannt" });
  test.each([
    ["gzip", gzipSync(reason)],
    ["GZip", gzipSync(reason)],
    ["deflate", deflateSync(reason)],
    ["deflate", deflateRawSync(reason)],
    ["br", brotliCompressSync(reason)],
    ["identity", Buffer.from(reason)],
  ])("the text of an answer compressed by %s is read", async (encoding, bytes) => {
    const server = await serve((_request, response) => {
      response.writeHead(422, { "content-encoding": encoding }).end(bytes);
    });
    expect(await targetAt(server.url).send(sending())).toMatchObject({
      verdict: "dead",
      status: 422,
      excerpt: reason,
    });
  });

  test.each([
    ["gzip", gzipSync(Buffer.alloc(50_000_000, "x")), "x".repeat(512)],
    ["br", brotliCompressSync(Buffer.alloc(50_000_000, "x")), "x".repeat(512)],
    ["gzip", Buffer.from("no gzip"), expect.stringContaining("Content-Encoding is gzip")],
    ["zstd, gzip", Buffer.from("?"), expect.stringContaining("Content-Encoding is zstd, gzip")],
  ])("an answer in %s that is a bomb, damaged or unknown costs nothing", async (encoding, bytes, excerpt) => {
    const server = await serve((_request, response) => {
      response.writeHead(500, { "content-encoding": encoding }).end(bytes);
    });
    expect(await targetAt(server.url).send(sending())).toMatchObject({ verdict: "retry", excerpt });
  });

  test("an answer that never ends is cut off, with its excerpt", async () => {
    const closed = withResolvers<void>();
    const server = await serveTcp((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        const chunk = `4000\r\n${"y".repeat(0x4000)}\r\n`;
        const more = (): void => {
          while (!socket.destroyed && socket.write(chunk));
        };
        socket.on("drain", more);
        socket.on("close", () => closed.resolve());
        more();
      });
    });
    const result = await targetAt(server.url).send(sending());
    expect(result).toMatchObject({ verdict: "done", status: 200, excerpt: "y".repeat(512) });
    await closed.promise;
  });

  test("an answer whose body stalls counts by its status when the time is up", async () => {
    const server = await serve((_request, response) => {
      response.writeHead(500, { "content-length": "100" });
      response.write("partial");
    });
    const target = targetAt(server.url);
    const stop = AbortSignal.timeout(200);
    expect(await target.send(sending({ signal: stop }))).toMatchObject({
      verdict: "retry",
      status: 500,
      error: "answered 500",
      excerpt: "partial",
    });
  });

  test("an answer that breaks off counts by its status", async () => {
    const server = await serveTcp((socket) => {
      socket.once("data", () => {
        socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
      });
    });
    expect(await targetAt(server.url).send(sending())).toMatchObject({
      verdict: "done",
      status: 200,
      excerpt: "half",
    });
  });
});

describe("what goes wrong", () => {
  test("a refused connection is a retry and says so", async () => {
    const server = await serve(() => {});
    await server.close();
    const result = await targetAt(server.url.replace("http://", "http://user:secret@")).send(sending());
    expect(result).toMatchObject({ verdict: "retry", status: null, retryAfterSeconds: null });
    expect(result.error).toContain("ECONNREFUSED");
    expect(result.error).not.toContain("secret");
  });

  test("a reset connection is a retry", async () => {
    const server = await serveTcp((socket) => {
      socket.once("data", () => socket.resetAndDestroy());
    });
    const result = await targetAt(server.url).send(sending());
    expect(result).toMatchObject({ verdict: "retry", status: null });
    expect(result.error).toMatch(/ECONNRESET|UND_ERR_SOCKET/);
  });

  test.each([
    ["not HTTP", "SSH-2.0-OpenSSH_9.2\r\n"],
    ["a broken status line", "HTTP/1.1 abc\r\n\r\n"],
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"],
    ["endless headers", `HTTP/1.1 200 OK\r\nX: ${"h".repeat(100_000)}\r\n\r\n`],
  ])("garbage is a retry: %s", async (_claim, garbage) => {
    const server = await serveTcp((socket) => {
      socket.once("data", () => socket.end(garbage));
    });
    const result = await targetAt(server.url).send(sending());
    expect(result).toMatchObject({ verdict: "retry", status: null });
    expect(result.error).not.toBe("");
  });

  test("an aborted attempt rejects at once with the reason, and its connection goes", async () => {
    const came = withResolvers<void>();
    const gone = withResolvers<void>();
    const server = await serveTcp((socket) => {
      socket.once("data", () => came.resolve());
      socket.on("close", () => gone.resolve());
    });
    const stop = new AbortController();
    const reason = new Error("time is up");
    const result = targetAt(server.url).send(sending({ signal: stop.signal }));
    await came.promise;
    stop.abort(reason);
    await expect(result).rejects.toBe(reason);
    await gone.promise;
  });

  test("an attempt aborted before it began is never sent", async () => {
    let asked = 0;
    const server = await serve((_request, response) => {
      asked += 1;
      response.end();
    });
    const reason = new Error("stopping");
    const target = targetAt(server.url);
    await expect(target.send(sending({ signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
    await target.send(sending());
    expect(asked).toBe(1);
  });

  test("an attempt aborted while connecting rejects at once and sends nothing later", async () => {
    const lookup = withResolvers<{ address: string; family: number }[]>();
    const looked = withResolvers<void>();
    const server = await serve((_request, response) => response.end());
    const target = targetAt(
      `http://bot.test:${server.port}/`,
      {},
      {
        resolve: () => {
          looked.resolve();
          return lookup.promise;
        },
      },
    );
    const stop = new AbortController();
    const reason = new Error("time is up");
    const result = target.send(sending({ signal: stop.signal }));
    await looked.promise;
    stop.abort(reason);
    await expect(result).rejects.toBe(reason);
    lookup.resolve([{ address: "127.0.0.1", family: 4 }]);
    expect(await target.send(sending())).toMatchObject({ verdict: "done" });
  });
});

describe("addresses", () => {
  test("metadata services are refused even where private networks are allowed", async () => {
    const urls = [
      "http://169.254.169.254/latest",
      "http://[fd00:ec2::254]/",
      "http://[::ffff:169.254.169.254]/",
      "http://0xa9fea9fe/",
      "http://2852039166/",
    ];
    for (const url of urls) {
      const result = await targetAt(url).send(sending());
      expect(result).toMatchObject({ verdict: "retry", status: null });
      expect(result.error).toContain("cloud metadata");
    }
  });

  test("private addresses are refused where they are not allowed", async () => {
    const server = await serve((_request, response) => response.end());
    const result = await targetAt(server.url, { allowPrivateNetworks: false }).send(sending());
    expect(result.error).toBe("address 127.0.0.1 is on a private network, and allowPrivateNetworks is false");
    expect(server.connections()).toBe(0);
  });

  test("a name is resolved once per connection, and all its addresses are checked", async () => {
    const server = await serve((_request, response) => response.end());
    const url = `http://bot.test:${server.port}/`;
    let lookups = 0;
    const resolvingTo =
      (...addresses: string[]): Resolve =>
      () => {
        lookups += 1;
        return Promise.resolve(addresses.map((address) => ({ address, family: 4 })));
      };
    const allowed = targetAt(url, {}, { resolve: resolvingTo("127.0.0.1") });
    for (let i = 0; i < 5; i++) expect((await allowed.send(sending())).verdict).toBe("done");
    const connected = server.connections();
    expect(lookups).toBe(connected);
    const refused = async (resolve: Resolve, changes = {}): Promise<string | null> =>
      (await targetAt(url, changes, { resolve }).send(sending())).error;
    expect(await refused(resolvingTo("127.0.0.1", "169.254.169.254"))).toContain(
      '"bot.test" resolves to 169.254.169.254, which belongs to a cloud',
    );
    expect(await refused(resolvingTo())).toContain('"bot.test" has no address');
    const strict = { allowPrivateNetworks: false };
    expect(await refused(resolvingTo("127.0.0.1"), strict)).toContain("private network");
    expect(await refused(() => Promise.reject(new Error("no such name")))).toBe("no such name");
    expect(server.connections()).toBe(connected);
  });
});

describe("passHeaders", () => {
  const meta = eventMeta({
    headers: [
      ["x-gitlab-event", "Push Hook"],
      ["x-tenant", "acme"],
      ["x-other", "for another target"],
    ],
  });

  test("the target gets the custom headers that it names, as they came; its own settings win", async () => {
    const got: Received[] = [];
    const server = await serve((request, response) => {
      got.push(request);
      response.end();
    });
    await targetAt(server.url, { passHeaders: ["X-Tenant", "X-Absent"] }).send(sending({ meta }));
    await targetAt(server.url, { passHeaders: ["X-Tenant"], headers: { "X-Tenant": "mine" } }).send(
      sending({ meta }),
    );
    await targetAt(server.url).send(sending({ meta }));
    expect(got.map((one) => one.headers["x-tenant"])).toEqual(["acme", "mine", undefined]);
    expect(got.flatMap((one) => Object.keys(one.headers))).not.toContain("x-other");
    expect(got.flatMap((one) => Object.keys(one.headers))).not.toContain("x-absent");
  });

  test.each([
    ["Authorization", "is never passed, as it may be a credential of the relay; set headers"],
    ["Cookie", "is never passed"],
    ["X-Gitlab-Token", "is never passed: it is the relay's secret; set headers"],
    ["X-Gitlab-Event", "is passed anyhow; leave it out"],
    ["webhook-signature", "is passed anyhow; leave it out"],
    ["X-Forwarded-For", "is never passed"],
    ["X-Relay-Attempt", "is set by the relay itself; leave it out"],
    ["Host", "belongs to the connection and cannot be set"],
    ["a b", "is no name of a header"],
  ])("%s is refused by name: it %s", (name, why) => {
    expect(() => httpConfig({ passHeaders: ["X-Tenant", name] })).toThrow(
      JSON.stringify(`"${name}" ${why}`).slice(1, -1),
    );
  });
});
