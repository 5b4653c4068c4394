import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../lib/clock.ts";
import { ConfigError } from "../../../lib/errors.ts";
import { BODY_DEADLINE_MS } from "../../../relay/ingest/body.ts";
import { LINGER_MS, MEASURE_MS } from "../../../relay/ingest/unwanted.ts";
import { decodeSigningToken, sign } from "../../../lib/signature.ts";
import { listen, type HttpServer, type ServerTimeouts } from "../../../relay/http/server.ts";
import { eventually } from "../../helpers/eventually.ts";
import { createIntake, PUSH, TOKEN } from "../../helpers/intake.ts";
import { closeRawClients, head, rawClient, type RawClient } from "../../helpers/raw-http.ts";

const open: HttpServer[] = [];

afterEach(async () => {
  closeRawClients();
  await Promise.all(open.splice(0).map((server) => server.close(0)));
});

async function serve(
  settings: Record<string, unknown> = {},
  timeouts: ServerTimeouts = {},
  maxConnections = Infinity,
) {
  const intake = createIntake({ gitlab: { secretTokens: [TOKEN] }, ...settings });
  const server = await listen({
    fetch: (request, env) => intake.app.fetch(request, env),
    take: intake.webhooks.take,
    host: "127.0.0.1",
    port: 0,
    clock: systemClock,
    timeouts,
    maxConnections: () => maxConnections,
  });
  open.push(server);
  return { ...intake, server, port: server.port, url: server.url };
}

const path = "/webhooks/gitlab";
const length = { "Content-Length": PUSH.byteLength };
const right = { "X-Gitlab-Token": TOKEN, "X-Gitlab-Event": "Push Hook" };
const wrong = { "X-Gitlab-Token": "guess" };
const body = PUSH.toString("latin1");
const chunk = (data: string): string => `${Buffer.byteLength(data, "latin1").toString(16)}\r\n${data}\r\n`;
const write = (data: string): Buffer => Buffer.from(data, "latin1");

describe("what HTTP allows", () => {
  test("a body with Content-Length, two requests on one connection", async () => {
    const { port, queue } = await serve();
    const client = await rawClient(port);
    client.write(write(head(path, { ...right, ...length, "webhook-id": "a" }) + body));
    await client.receive(/ 202 Accepted[^]*accepted/);
    client.write(write(head(path, { ...right, ...length, "webhook-id": "b" }) + body));
    await client.receive(/ 202 [^]*"accepted"[^]* 202 [^]*"accepted"/);
    expect(queue.stored().map(({ body: bytes }) => Buffer.compare(bytes, PUSH))).toEqual([0, 0]);
  });

  test("a chunked body, cut inside of a character", async () => {
    const { port, queue } = await serve();
    const client = await rawClient(port);
    const cut = body.indexOf("\u00c5");
    expect(cut).toBeGreaterThan(0);
    client.write(write(head(path, { ...right, "Transfer-Encoding": "chunked" })));
    client.write(write(chunk(body.slice(0, cut + 1))));
    client.write(write(`${chunk(body.slice(cut + 1))}0\r\n\r\n`));
    await client.receive(/ 202 /);
    expect(Buffer.compare(queue.stored()[0]?.body as Uint8Array, PUSH)).toBe(0);
  });

  test("HTTP/1.0 without Host, and its connection ends", async () => {
    const { port } = await serve();
    const client = await rawClient(port);
    client.write(write(head(path, { ...right, ...length }, "1.0") + body));
    expect(await client.ended()).toMatch(/ 202 [^]*connection: close[^]*"accepted"/i);
  });

  test("HTTP/1.1 without Host is refused with a JSON body, and nothing is stored", async () => {
    const { port, queue } = await serve();
    const client = await rawClient(port);
    const request = head(path, { ...right, ...length }).replace(/^Host:[^\r]*\r\n/m, "");
    expect(request).not.toContain("Host:");
    client.write(write(request + body));
    expect(await client.ended()).toMatch(/ 400 Bad Request[^]*"malformed"[^]*Host/);
    expect(queue.stored()).toEqual([]);
  });

  test("Connection: close, as GitLab sends it", async () => {
    const { port } = await serve();
    const client = await rawClient(port);
    client.write(write(head(path, { ...right, ...length, Connection: "close" }) + body));
    expect(await client.ended()).toMatch(/ 202 [^]*"accepted"/);
  });

  test("Expect: 100-continue is asked for its body, once", async () => {
    const { port, queue } = await serve();
    const client = await rawClient(port);
    client.write(head(path, { ...right, ...length, Expect: "100-continue" }));
    await client.receive(/^HTTP\/1.1 100 Continue\r\n\r\n$/);
    client.write(PUSH);
    await client.receive(/100 Continue[^]* 202 [^]*"accepted"/);
    expect(queue.stored()).toHaveLength(1);
  });

  test.each([
    ["a wrong token", wrong, length, 401],
    ["a body above the limit", right, { "Content-Length": 99_999_999 }, 413],
  ])("Expect: 100-continue with %s is refused without its body", async (_claim, token, size, status) => {
    const { port } = await serve();
    const client = await rawClient(port);
    client.write(head(path, { ...token, ...size, Expect: "100-continue" }));
    const answer = await client.ended();
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toMatch(/connection: close/i);
  });

  test.each([
    ["a wrong token", {}, / 401 Unauthorized[^]* 202 /],
    ["an address that is not allowed", { server: { allowedIps: ["192.0.2.1"] } }, / 403 [^]* 403 /],
  ])(
    "a short body with %s is refused, and what comes behind it is answered",
    async (_claim, settings, all) => {
      const { port } = await serve(settings);
      const client = await rawClient(port);
      client.write(write(head(path, { ...wrong, ...length })));
      client.write(write(body + head(path, { ...right, ...length }) + body));
      expect(await client.receive(all)).not.toMatch(/connection: close/i);
    },
  );

  test("an empty body and no body", async () => {
    const { port } = await serve();
    const client = await rawClient(port);
    client.write(head(path, { ...right, "Content-Length": 0 }));
    await client.receive(/ 400 [^]*malformed/);
    client.write(head(path, right));
    await client.receive(/ 400 [^]* 400 [^]*malformed/);
  });
});

describe("a webhook with an unusual spelling is answered like any other", () => {
  const request = (target: string, host: string, headers: Record<string, string | number>): string =>
    `POST ${target} HTTP/1.1\r\nHost: ${host}\r\n${Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join("")}\r\n`;

  test.each([
    ["slashes too many", "//webhooks//gitlab/", "relay"],
    ["the whole URL", `http://relay${path}`, "relay"],
    ["the whole URL, its scheme in capitals", `HTTP://relay${path}`, "another"],
    ["percent signs", "/webhooks/gitl%61b", "relay"],
    ["a host in capitals", path, "Relay"],
    ["an address of IPv6 as host", path, "[::1]:8080"],
    ["a query", `${path}?a=/b`, "relay"],
  ])("%s", async (_claim, target, host) => {
    const { port, queue, requests } = await serve({ server: { maxBodyBytes: 5000 } });
    const client = await rawClient(port);
    client.write(write(request(target, host, { ...right, ...length, "webhook-id": "a" }) + body));
    await client.receive(/ 202 Accepted\r\n[^]*\r\n\r\n{"status":"accepted","id":"[^"]+"}$/);
    client.write(write(request(target, host, { ...right, "Content-Length": 2 }) + "[]"));
    await client.receive(/ 400 Bad Request\r\n[^]*malformed/);
    client.write(request(target, host, { ...right, "Content-Length": 6000 }) + "x".repeat(2000));
    await client.receive(/ 413 [^]*too_large/);
    client.write("x".repeat(4000));
    expect(await client.ended()).toMatch(/ 413 [^]*connection: close/i);
    expect(queue.stored()).toHaveLength(1);
    expect(requests.map(([status]) => status)).toEqual(["accepted", "malformed", "too_large"]);
  });
});

test("a bug is answered with 500 and told in the log, and the connection goes on", async () => {
  const { port, queue, lines } = await serve();
  queue.faults.error = new TypeError("undefined is not a function");
  const client = await rawClient(port);
  client.write(write(head(path, { ...right, ...length }) + body));
  expect(await client.receive(/ 500 [^]*"internal"/)).not.toContain("undefined");
  expect(lines).toMatchObject([
    { event: "request.failed", path, error: "undefined is not a function", stack: expect.any(String) },
  ]);
  queue.faults.error = null;
  client.write(write(head(path, { ...right, ...length }) + body));
  await client.receive(/ 500 [^]* 202 /);
});

describe("too large", () => {
  const small = { server: { maxBodyBytes: 1000 } };
  const megabyte = Buffer.alloc(1_048_576, 0x20);

  test.each([
    ["Content-Length", { "Content-Length": 30 * 1_048_576 }, megabyte],
    [
      "chunks",
      { "Transfer-Encoding": "chunked" },
      Buffer.concat([Buffer.from("100000\r\n"), megabyte, Buffer.from("\r\n")]),
    ],
  ])(
    "a sender that does not listen before it has sent all of it gets 413, by %s",
    async (_claim, size, part) => {
      const { port, requests } = await serve(small);
      const client = await rawClient(port);
      client.socket.pause();
      client.write(head(path, { ...wrong, ...size, Connection: "close" }));
      for (let sent = 0; sent < 30; sent++) expect(await client.send(part)).toBe(true);
      if ("Transfer-Encoding" in size) client.write("0\r\n\r\n");
      client.socket.resume();
      expect(await client.ended()).toMatch(/^HTTP\/1.1 413 [^]*"too_large"/);
      expect(requests).toEqual([["too_large", null]]);
    },
  );

  test("it does not take memory", async () => {
    const { port } = await serve({ server: { maxBodyBytes: 2_000_000 } });
    const part = Buffer.concat([Buffer.from("100000\r\n"), megabyte, Buffer.from("\r\n")]);
    const before = process.memoryUsage.rss();
    const clients = await Promise.all(Array.from({ length: 8 }, () => rawClient(port)));
    await Promise.all(
      clients.map(async (client) => {
        client.write(head(path, { ...right, "Transfer-Encoding": "chunked" }));
        for (let sent = 0; sent < 30; sent++) await client.send(part);
        client.write("0\r\n\r\n");
        expect(await client.ended()).toMatch(/ 413 /);
      }),
    );
    expect(process.memoryUsage.rss() - before).toBeLessThan(120 * 1_048_576);
  });

  test("a sender that never ends is cut", async () => {
    const { port, clock } = await serve(small);
    const client = await rawClient(port);
    client.write(head(path, { ...right, "Content-Length": 900_000_000 }));
    await client.receive(/ 413 [^]*too_large/);
    await clock.advance(LINGER_MS);
    await client.ended();
  });
});

describe("refusals before the body is read", () => {
  test("401 by the token alone, to a sender that is still sending", async () => {
    const { port, queue } = await serve();
    const client = await rawClient(port);
    client.write(head(path, { ...wrong, "Content-Length": 20_000_000 }));
    await client.receive(/^HTTP\/1.1 401 [^]*unauthorized/);
    const part = Buffer.alloc(1_000_000);
    for (let sent = 0; sent < 20; sent++) expect(await client.send(part)).toBe(true);
    await client.ended();
    expect(queue.calls.enqueue).toBe(0);
  });

  test("a chunked body may still be too large: 413 comes before 401", async () => {
    const { port } = await serve({ server: { maxBodyBytes: 10 } });
    const client = await rawClient(port);
    client.write(
      head(path, { ...wrong, "Transfer-Encoding": "chunked" }) + chunk("x".repeat(11)) + "0\r\n\r\n",
    );
    await client.receive(/ 413 /);
    const other = await rawClient(port);
    other.write(
      head(path, { ...wrong, "Transfer-Encoding": "chunked" }) + chunk("x".repeat(10)) + "0\r\n\r\n",
    );
    await other.receive(/ 401 /);
  });
});

describe("403", () => {
  const post = (url: string, headers: Record<string, string> = {}) =>
    fetch(`${url}${path}`, { method: "POST", body: "{}", headers: { "x-gitlab-token": TOKEN, ...headers } });

  test("an address that is not on the list, whatever else is right", async () => {
    const { url, requests } = await serve({ server: { allowedIps: ["203.0.113.0/24"] } });
    const response = await post(url, { "x-forwarded-for": "203.0.113.9" });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ error: { code: "forbidden" } });
    expect(requests).toEqual([["forbidden", null]]);
  });

  test("405 and 404 come before it", async () => {
    const { url } = await serve({ server: { allowedIps: ["203.0.113.0/24"] } });
    expect((await fetch(`${url}${path}`)).status).toBe(405);
    expect((await fetch(`${url}${path}/x`)).status).toBe(404);
  });

  test("413 and 401 come after it", async () => {
    const { url } = await serve({ server: { allowedIps: ["203.0.113.0/24"], maxBodyBytes: 1 } });
    expect((await post(url, { "x-gitlab-token": "guess" })).status).toBe(403);
  });

  test("behind a trusted proxy the last entry that is none of ours counts", async () => {
    const { url } = await serve({
      server: { allowedIps: ["203.0.113.0/24"], trustedProxies: ["127.0.0.1"] },
    });
    expect((await post(url, { "x-forwarded-for": "198.51.100.1, 203.0.113.9" })).status).toBe(202);
    expect((await post(url, { "x-forwarded-for": "203.0.113.9, 198.51.100.1" })).status).toBe(403);
    expect((await post(url)).status).toBe(403);
  });

  test("the socket's own address may be on the list", async () => {
    const { url } = await serve({ server: { allowedIps: ["127.0.0.1"] } });
    expect((await post(url)).status).toBe(202);
  });
});

describe("time-outs", () => {
  const quick = { headersMs: 150, requestMs: 300, checkMs: 50 };

  test("headers that trickle in get 408 and the end", async () => {
    const { port } = await serve({}, quick);
    const client = await rawClient(port);
    client.write("POST /webhooks/gitlab HTTP/1.1\r\nHost: relay\r\nX-Slow: ");
    const answer = await client.ended();
    expect(answer).toMatch(/^HTTP\/1.1 408 [^]*"timeout"/);
  });

  test("a body that trickles in gets 408 and the end", async () => {
    const { port, queue } = await serve({}, quick);
    const client = await rawClient(port);
    client.write(head(path, { ...right, ...length }) + body.slice(0, 10));
    expect(await client.ended()).toMatch(/^HTTP\/1.1 408 /);
    expect(queue.calls.enqueue).toBe(0);
  });

  test("the body has a deadline of its own", async () => {
    const { port, clock } = await serve();
    const client = await rawClient(port);
    client.write(head(path, { ...right, ...length, Expect: "100-continue" }));
    await client.receive(/100 Continue/);
    client.write(body.slice(0, 10));
    await clock.advance(BODY_DEADLINE_MS);
    await client.receive(/ 408 [^]*"timeout"/);
    await clock.advance(LINGER_MS);
    await client.ended();
  });

  test("an idle connection is kept for a while, then ended", async () => {
    const { port } = await serve({}, { idleMs: 100 });
    const client = await rawClient(port);
    client.write(write(head(path, { ...right, ...length }) + body));
    expect(await client.ended()).toMatch(/ 202 /);
  });
});

describe("a sender that holds on", () => {
  test("a connection answered 408 is gone, though the other side does not close its own", async () => {
    const { port } = await serve({}, { headersMs: 100, requestMs: 200, checkMs: 50 });
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    socket.write("POST /webhooks/gitlab HTTP/1.1\r\nX-Slow: ");
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => {});
    // Whoever writes to a connection that is gone is told so; one that is half open would take it.
    const nagging = setInterval(() => socket.write("x"), 50);
    socket.resume();
    await closed;
    clearInterval(nagging);
  });

  const pushed = write(head(path, { ...right, ...length }) + body);

  test("a sender that closes its side behind the body reads its answer, and the connection is gone", async () => {
    const { port, queue } = await serve();
    queue.faults.hang = true;
    const client = await rawClient(port, { allowHalfOpen: true });
    client.socket.end(pushed);
    await eventually(() => queue.calls.enqueue === 1);
    queue.release();
    expect(await client.ended()).toMatch(/^HTTP\/1.1 202 [^]*"accepted"/);
  });

  test.each([
    ["nothing", ""],
    ["a request that was answered", pushed],
    ["half a head", "POST /webhooks/gitlab HTTP/1.1\r\nX-"],
    ["half a body", pushed.subarray(0, -10)],
  ])("one that closes its side behind %s is not kept", async (_claim, sent) => {
    const { port } = await serve();
    const client = await rawClient(port, { allowHalfOpen: true });
    client.write(sent);
    if (sent === pushed) await client.receive(/ 202 /);
    client.socket.end();
    await client.ended();
  });

  test("silent connections give way to new ones, the oldest first; one with a request under way stays", async () => {
    const { port, queue } = await serve({}, {}, 40);
    queue.faults.hang = true;
    const busy = await rawClient(port);
    busy.write(write(head(path, { ...right, ...length, "webhook-id": "1" }) + body));
    await eventually(() => queue.calls.enqueue === 1);
    const silent = await Promise.all(Array.from({ length: 100 }, () => rawClient(port)));
    const late = await rawClient(port);
    late.write(write(head(path, { ...right, ...length, "webhook-id": "2" }) + body));
    await eventually(() => queue.calls.enqueue === 2);
    queue.release();
    await Promise.all([busy.receive(/ 202 /), late.receive(/ 202 /), silent[0]!.ended()]);
  });

  test("where every connection has a request under way, a new one is closed", async () => {
    const { port, queue } = await serve({}, {}, 2);
    queue.faults.hang = true;
    const busy = await Promise.all([rawClient(port), rawClient(port)]);
    for (const [n, client] of busy.entries())
      client.write(write(head(path, { ...right, ...length, "webhook-id": `${n}` }) + body));
    await eventually(() => queue.calls.enqueue === 2);
    expect(await (await rawClient(port)).ended()).toBe("");
    queue.release();
    await Promise.all(busy.map((client) => client.receive(/ 202 /)));
  });
});

describe("bodies of unknown senders", () => {
  const signed = {
    gitlab: { signingTokens: [`whsec_${Buffer.alloc(32, 1).toString("base64")}`] },
    server: { maxUnverifiedBytes: 1_000_000, maxBodyBytes: 400_000 },
  };
  const claim = { "webhook-id": "a", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA" };
  const part = chunk("x".repeat(300_000));

  test("together they stay below the limit: the oldest is given up, the newest is looked at", async () => {
    const { port, lines } = await serve(signed);
    const clients: RawClient[] = [];
    for (let count = 0; count < 5; count += 1) {
      const client = await rawClient(port);
      client.write(head(path, { ...claim, "Transfer-Encoding": "chunked" }));
      await client.send(part);
      clients.push(client);
    }
    await clients[0]!.receive(/ 408 [^]*too many others/);
    clients[4]!.write("0\r\n\r\n");
    await clients[4]!.receive(/ 401 /);
    expect(lines.map((line) => line["event"])).toContain("webhook.crowded-out");
    expect(clients[3]!.text()).toBe("");
  });

  test("a body with a right signature is stored to the byte, in whatever pieces it comes, and leaves nothing held", async () => {
    const { port, queue, clock } = await serve(signed);
    const [key] = signed.gitlab.signingTokens.map((token) => decodeSigningToken(token) as Uint8Array);
    const timestamp = Math.floor(clock.now() / 1000);
    for (const [id, pieces] of [
      ["small", [1, 2, 3]],
      ["even", [16_384, 16_384]],
      ["odd", [16_383, 40_001, 7, 100_000, 1]],
    ] as const) {
      const sum = pieces.reduce((total, piece) => total + piece, 0);
      const sent = Buffer.from("{}".padStart(sum, " "));
      const signature = sign([key as Uint8Array], id, timestamp, sent);
      const client = await rawClient(port);
      const headers = { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature };
      client.write(head(path, { ...headers, "Transfer-Encoding": "chunked" }));
      let at = 0;
      for (const piece of pieces) {
        await client.send(write(chunk(sent.subarray(at, at + piece).toString("latin1"))));
        at += piece;
      }
      client.write("0\r\n\r\n");
      await client.receive(/ 202 /);
      expect(Buffer.compare(queue.stored().at(-1)?.body as Uint8Array, sent)).toBe(0);
    }
  });

  test("those who show the token are not counted", async () => {
    const { port, lines } = await serve({ ...signed, gitlab: { secretTokens: [TOKEN] } });
    const clients = await Promise.all(Array.from({ length: 6 }, () => rawClient(port)));
    for (const client of clients) {
      client.write(head(path, { ...right, "Transfer-Encoding": "chunked" }));
      await client.send(chunk(`{"a":"${"x".repeat(300_000)}"`));
    }
    for (const client of clients) client.write(`${chunk("}")}0\r\n\r\n`);
    for (const client of clients) await client.receive(/ 202 | 200 /);
    expect(lines.map((line) => line["event"])).not.toContain("webhook.crowded-out");
  });

  test("a wrong token is answered while the chunked body is still coming in slowly", async () => {
    const { port, clock, requests } = await serve();
    const client = await rawClient(port);
    client.write(head(path, { ...wrong, "Transfer-Encoding": "chunked" }) + chunk("x"));
    await eventually(() => clock.pendingTimers === 1);
    await clock.advance(MEASURE_MS);
    await client.receive(/^HTTP\/1.1 401 [^]*unauthorized/);
    expect(requests).toEqual([["unauthorized", null]]);
    await clock.advance(LINGER_MS);
    await client.ended();
  });

  test("a body of thousands of tiny chunks arrives whole", async () => {
    const { port, queue } = await serve();
    const client = await rawClient(port);
    client.write(head(path, { ...right, "Transfer-Encoding": "chunked" }));
    const text = `{"a":"${Array.from({ length: 5000 }, (_, n) => n).join(",")}"}`;
    client.write([...text].map(chunk).join(""));
    client.write("0\r\n\r\n");
    await client.receive(/ 202 /);
    expect(Buffer.from(queue.stored()[0]!.body).toString()).toBe(text);
  });
});

describe("what is no HTTP", () => {
  test.each([
    ["no request", "hello\r\n\r\n", 400],
    ["an unknown method", "BREW /webhooks/gitlab HTTP/1.1\r\nHost: relay\r\n\r\n", 405],
    ["a method in small letters", "post /webhooks/gitlab HTTP/1.0\r\n\r\n", 405],
    ["CONNECT to a host", "CONNECT gitlab:443 HTTP/1.1\r\nHost: gitlab\r\n\r\n", 405],
    ["CONNECT to the path", "CONNECT /webhooks/gitlab HTTP/1.1\r\nHost: relay\r\n\r\n", 405],
    ["TRACE", "TRACE /webhooks/gitlab HTTP/1.1\r\nHost: relay\r\n\r\n", 405],
    ["another protocol", "\x16\x03\x01\x02\x00\x01", 400],
    ["an address of another scheme", "POST ftp://relay/webhooks/gitlab HTTP/1.1\r\nHost: relay\r\n\r\n", 400],
    ["no Host", "POST /webhooks/gitlab HTTP/1.1\r\n\r\n", 400],
    [
      "a Host that is none",
      "POST /webhooks/gitlab HTTP/1.1\r\nHost: a b/c\r\nContent-Length: 0\r\n\r\n",
      400,
    ],
    ["a length that is no number", head(path, { "Content-Length": "1x" }), 400],
    ["two lengths", head(path, { "Content-Length": "1", "content-length": "2" }), 400],
    [
      "length and chunks",
      `${head(path, { "Content-Length": 5, "Transfer-Encoding": "chunked" })}0\r\n\r\n`,
      400,
    ],
    ["a chunk that is none", `${head(path, { ...right, "Transfer-Encoding": "chunked" })}zz\r\n`, 400],
    ["a flood of headers", head(path, { "X-Flood": "x".repeat(70_000) }), 431],
  ])("%s", async (_claim, text, status) => {
    const { port, queue } = await serve();
    const client = await rawClient(port);
    client.write(text);
    expect(await client.receive(/\r\n\r\n/)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(queue.calls.enqueue).toBe(0);
  });

  test("a sender that goes away half-way leaves nothing and disturbs nobody", async () => {
    const { port, queue, requests } = await serve();
    const client = await rawClient(port);
    client.write(head(path, { ...right, ...length, Expect: "100-continue" }));
    await client.receive(/100 Continue/);
    client.write(body.slice(0, 100));
    client.destroy();
    const next = await rawClient(port);
    next.write(write(head(path, { ...right, ...length }) + body));
    await next.receive(/ 202 /);
    expect(queue.stored()).toHaveLength(1);
    expect(requests.map(([status]) => status)).toContain("accepted");
  });

  test("a token of 8 KB and twenty headers are no flood", async () => {
    const token = "t".repeat(8192);
    const { port } = await serve({ gitlab: { secretTokens: [token] } });
    const many = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`X-Custom-${i}`, "v".repeat(1000)]),
    );
    const client = await rawClient(port);
    client.write(write(head(path, { "X-Gitlab-Token": token, ...many, ...length }) + body));
    await client.receive(/ 202 /);
  });
});

describe("close()", () => {
  test("answers what is in flight, ends idle connections, takes no new ones", async () => {
    const { port, queue, server, state } = await serve();
    const idle = await rawClient(port);
    idle.write(write(head(path, { ...right, ...length, "webhook-id": "1" }) + body));
    await idle.receive(/ 202 /);
    queue.faults.hang = true;
    const busy = await rawClient(port);
    busy.write(write(head(path, { ...right, ...length, "webhook-id": "2" }) + body));
    while (queue.calls.enqueue < 2) await new Promise((resolve) => setImmediate(resolve));
    state.isStopping = true;
    const closed = server.close(10_000);
    await idle.ended();
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow("fetch failed");
    queue.release();
    expect(await busy.ended()).toMatch(/ 202 /);
    await closed;
  });

  test("cuts what is left at the deadline", async () => {
    const { port, server } = await serve();
    const client = await rawClient(port);
    client.write(head(path, { ...right, ...length }) + body.slice(0, 10));
    await server.close(50);
    await client.ended();
  });
});

describe("listen()", () => {
  const options = { fetch: () => new Response("x"), clock: systemClock };

  test("a port that is in use", async () => {
    const { port } = await serve();
    const failed = listen({ ...options, host: "127.0.0.1", port });
    await expect(failed).rejects.toThrow(ConfigError);
    await expect(failed).rejects.toThrow(
      `PORT (server.port): 127.0.0.1:${port} is in use by another program`,
    );
  });

  test.each(["192.0.2.1", "no-such-host.invalid"])(
    "an address that is not this machine's: %s",
    async (host) => {
      await expect(listen({ ...options, host, port: 0 })).rejects.toThrow(
        `this machine has no address ${host}`,
      );
    },
  );

  test("an IPv6 address", async () => {
    const server = await listen({ ...options, host: "::1", port: 0 });
    open.push(server);
    expect(server.url).toBe(`http://[::1]:${server.port}`);
    expect(await (await fetch(server.url)).text()).toBe("x");
  });
});
