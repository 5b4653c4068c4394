import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import { createTransport } from "../../../lib/gitlab/transport.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function serve(
  answer: (
    method: string,
    path: string,
    body: string,
  ) => { status: number; headers?: Record<string, string | string[]>; body?: string } | null,
): Promise<URL> {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (more: Buffer) => (body += more.toString()));
    request.on("end", () => {
      const given = answer(request.method ?? "", request.url ?? "", body);
      if (given !== null) response.writeHead(given.status, given.headers).end(given.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/here`);
}

describe("createTransport()", () => {
  test("carries method, headers and body, and brings status, headers and text back", async () => {
    const url = await serve((method, path, body) => ({
      status: 201,
      headers: { "X-Seen": "Yes" },
      body: `${method} ${path} ${body}`,
    }));
    const { signal } = new AbortController();
    const answer = await createTransport()(url, {
      method: "POST",
      headers: { "content-type": "text/plain" },
      body: "hi",
      signal,
    });
    expect(answer).toMatchObject({ status: 201, headers: { "x-seen": "Yes" }, text: "POST /here hi" });
  });

  test("does not follow a redirect", async () => {
    const asked: string[] = [];
    const url = await serve((method, path) => {
      asked.push(`${method} ${path}`);
      return { status: 301, headers: { location: "/there" } };
    });
    const { signal } = new AbortController();
    expect((await createTransport()(url, { method: "POST", headers: {}, body: "{}", signal })).status).toBe(
      301,
    );
    expect(asked).toEqual(["POST /here"]);
  });

  test("reads the beginning of a long body alone, if so asked", async () => {
    const url = await serve(() => ({ status: 200, body: "x".repeat(200_000) }));
    const { signal } = new AbortController();
    const travel = createTransport({}, { cutAt: 70_000 });
    const answer = await travel(url, { method: "GET", headers: {}, signal });
    expect(answer).toMatchObject({ status: 200, text: "x".repeat(70_000) });
  });

  test("a header that comes twice is one, and an answer without body is empty", async () => {
    const url = await serve(() => ({ status: 204, headers: { "Set-Cookie": ["a=1", "b=2"] } }));
    const { signal } = new AbortController();
    const answer = await createTransport()(url, { method: "DELETE", headers: {}, signal });
    expect(answer).toMatchObject({ status: 204, headers: { "set-cookie": "a=1,b=2" }, text: "" });
  });

  test("a connection that breaks within the body is no answer", async () => {
    const server = createServer((_request, response) => {
      response.writeHead(200, { "content-length": "100" }).write("half");
      setImmediate(() => response.socket?.resetAndDestroy());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closing.push(() => new Promise((resolve) => server.close(resolve)));
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const { signal } = new AbortController();
    await expect(createTransport()(url, { method: "GET", headers: {}, signal })).rejects.toThrow(/./);
  });

  test("rejects where the signal ends it, and where nobody listens", async () => {
    const url = await serve(() => null);
    const timeout = new AbortController();
    const waiting = createTransport()(url, { method: "GET", headers: {}, signal: timeout.signal });
    setImmediate(() => timeout.abort(new Error("time-out")));
    await expect(waiting).rejects.toThrow("time-out");
    const { signal } = new AbortController();
    const nobody = createTransport()(new URL("http://127.0.0.1:9/"), { method: "GET", headers: {}, signal });
    await expect(nobody).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });
});

describe("through a proxy", () => {
  interface Proxied {
    readonly method: string;
    readonly target: string;
    readonly authorization: string | null;
  }

  /** A proxy that answers 200 for whatever it is asked in absolute form, and refuses tunnels with `status`. */
  async function startProxy(status: number): Promise<{ address: string; seen: Proxied[] }> {
    const seen: Proxied[] = [];
    const note = (request: IncomingMessage): void => {
      const authorization = request.headers["proxy-authorization"] ?? null;
      seen.push({ method: request.method ?? "", target: request.url ?? "", authorization });
    };
    const server = createServer((request, response) => {
      note(request);
      response.writeHead(status, { "content-type": "text/plain" }).end("from the proxy");
    });
    server.on("connect", (request, socket) => {
      note(request);
      socket.end(`HTTP/1.1 ${status} Refused\r\n\r\n`);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closing.push(() => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    });
    return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
  }

  const get = (): { method: "GET"; headers: Record<string, string>; signal: AbortSignal } => ({
    method: "GET",
    headers: {},
    signal: new AbortController().signal,
  });

  test("plain http is asked for in absolute form, with the credentials of the variable", async () => {
    const { address, seen } = await startProxy(200);
    const travel = createTransport({ HTTP_PROXY: `svc:pa#ss/w0rd@${address}` });
    const answer = await travel(new URL("http://gitlab.test/api/v4/user?x=1"), get());
    expect(answer).toMatchObject({ status: 200, text: "from the proxy" });
    const authorization = `Basic ${Buffer.from("svc:pa#ss/w0rd").toString("base64")}`;
    expect(seen).toEqual([{ method: "GET", target: "http://gitlab.test/api/v4/user?x=1", authorization }]);
  });

  test("https is tunnelled, and a proxy that refuses is told from GitLab", async () => {
    const { address, seen } = await startProxy(407);
    const travel = createTransport({ HTTPS_PROXY: address });
    await expect(travel(new URL("https://gitlab.test/"), get())).rejects.toMatchObject({
      name: "ProxyFailure",
      proxy: address,
      status: 407,
    });
    expect(seen).toMatchObject([{ method: "CONNECT", target: "gitlab.test:443" }]);
  });

  test("407 for plain http is the proxy's, too", async () => {
    const { address } = await startProxy(407);
    const travel = createTransport({ HTTP_PROXY: address });
    await expect(travel(new URL("http://gitlab.test/"), get())).rejects.toMatchObject({ status: 407 });
  });

  test("a proxy that is not there is named, without credentials", async () => {
    const travel = createTransport({ HTTP_PROXY: "http://svc:sesame@127.0.0.1:9" });
    const failure: unknown = await travel(new URL("http://gitlab.test/"), get()).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ name: "ProxyFailure", proxy: "127.0.0.1:9", code: "ECONNREFUSED" });
    expect(inspect(failure, { depth: 9 })).not.toContain("sesame");
  });
});
