import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createHttpsServer } from "node:https";
import { connect, type AddressInfo } from "node:net";
import { createServer } from "node:http";
import type { TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../../../lib/clock.ts";
import { silentLog } from "../../../../lib/log.ts";
import type { AttemptResult } from "../../../../relay/delivery/port.ts";
import { createTargetsOrFailing } from "../../../../relay/targets/registry.ts";
import type { TargetDeps } from "../../../../relay/targets/target-type.ts";
import { makeCertificates, type Certificates } from "../../../helpers/certificates.ts";
import { eventMeta } from "../../../helpers/events.ts";
import { httpServer } from "../../../helpers/http-server.ts";
import { httpConfig } from "../../../helpers/targets.ts";

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});
afterAll(() => certificates.remove());

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

async function send(
  changes: Record<string, unknown>,
  deps: Partial<TargetDeps> = {},
): Promise<AttemptResult> {
  const create = createTargetsOrFailing({ clock: systemClock, log: silentLog, ...deps });
  const target = create("bot", httpConfig(changes));
  open.push(target);
  const { signal } = new AbortController();
  return target.send({ meta: eventMeta(), body: Buffer.from("{}"), attempt: 1, replay: 0, signal });
}

describe("tls", () => {
  /** A server that wants a client's certificate, and answers with the name in it. */
  async function serveTls(): Promise<string> {
    const server = createHttpsServer(
      {
        cert: readFileSync(certificates.file("server.pem")),
        key: readFileSync(certificates.file("server.key")),
        ca: readFileSync(certificates.file("ca.pem")),
        requestCert: true,
        rejectUnauthorized: false,
      },
      (request, response) => {
        const socket = request.socket as TLSSocket;
        response.writeHead(socket.authorized ? 200 : 401);
        response.end(socket.authorized ? String(socket.getPeerCertificate().subject.CN) : "who are you");
      },
    );
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    open.push({
      close: () =>
        new Promise((resolve) => {
          server.closeAllConnections();
          server.close(() => resolve());
        }),
    });
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }

  test("an authority of one's own and a client's certificate are used", async () => {
    const url = await serveTls();
    const tls = {
      caFile: certificates.file("ca.pem"),
      certFile: certificates.file("client.pem"),
      keyFile: certificates.file("client.key"),
    };
    expect(await send({ url, tls })).toMatchObject({ verdict: "done", excerpt: "client" });
    expect(await send({ url, tls: { caFile: tls.caFile } })).toMatchObject({ verdict: "dead", status: 401 });
  });

  test("an unknown authority is refused", async () => {
    const result = await send({ url: await serveTls() });
    expect(result).toMatchObject({ verdict: "retry", status: null });
    expect(result.error).toMatch(/certificate|CERT/);
  });

  test.each([
    ["no PEM", "holds no certificate in PEM form"],
    ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate 1 of 1 cannot be read"],
  ])("a file of authorities that holds none is refused: %j", async (text, problem) => {
    const folder = await mkdtemp(join(tmpdir(), "authorities-"));
    const caFile = join(folder, "ca.pem");
    await writeFile(caFile, text);
    const result = await send({ tls: { caFile } });
    await rm(folder, { recursive: true });
    expect(result.error).toContain(`tls.caFile ${problem}`);
  });

  test("a pipe in place of a file is refused at once: nothing waits for a writer", async () => {
    const folder = await mkdtemp(join(tmpdir(), "pipe-"));
    const caFile = join(folder, "ca.pem");
    spawnSync("mkfifo", [caFile]);
    const result = await send({ tls: { caFile } });
    await rm(folder, { recursive: true });
    expect(result.error).toContain("tls.caFile cannot be read: it is a pipe, not a file");
  });

  test("a file that cannot be read fails each attempt with the reason", async () => {
    const result = await send({ tls: { caFile: "/nowhere/ca.pem" } });
    expect(result.verdict).toBe("retry");
    expect(result.error).toContain("tls.caFile cannot be read: ENOENT");
  });

  test("certificate and key belong together", () => {
    expect(() => httpConfig({ tls: { certFile: "a" } })).toThrow("certFile and keyFile belong together");
  });
});

describe("proxy", () => {
  /** A proxy that notes what it is asked for. */
  async function serveProxy(to: number): Promise<{ url: string; asked: string[] }> {
    const asked: string[] = [];
    const proxy = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      request.resume();
      response.writeHead(202).end(String(request.headers["x-relay-event-id"]));
    });
    proxy.on("connect", (request, client) => {
      asked.push(`CONNECT ${request.url}`);
      const upstream = connect(to, "127.0.0.1", () => {
        client.write("HTTP/1.1 200 Connection established\r\n\r\n");
        upstream.pipe(client).pipe(upstream);
      });
      for (const socket of [client, upstream]) socket.on("error", () => {});
    });
    await new Promise<void>((resolve) => {
      proxy.listen(0, "127.0.0.1", resolve);
    });
    open.push({
      close: () =>
        new Promise((resolve) => {
          proxy.closeAllConnections();
          proxy.close(() => resolve());
        }),
    });
    return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, asked };
  }

  test("an http target is asked for through the proxy, an https one through a tunnel", async () => {
    const plain = await httpServer((_request, response) => response.end());
    open.push(plain);
    const proxy = await serveProxy(plain.port);
    const env = { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url };
    const result = await send({ url: "http://bot.example/hook?x=1" }, { env });
    expect(result).toMatchObject({ verdict: "done", status: 202, excerpt: eventMeta().id });
    await send({ url: "https://bot.example/hook" }, { env });
    expect(proxy.asked).toEqual(["POST http://bot.example/hook?x=1", "CONNECT bot.example:443"]);
  });

  test("NO_PROXY is reached directly", async () => {
    const plain = await httpServer((_request, response) => response.end());
    open.push(plain);
    const env = { HTTP_PROXY: "http://127.0.0.1:1", NO_PROXY: "bot.example" };
    const resolve = () => Promise.resolve([{ address: "127.0.0.1", family: 4 }]);
    expect(await send({ url: `http://bot.example:${plain.port}/` }, { env, resolve })).toMatchObject({
      verdict: "done",
    });
  });
});

describe("compression", () => {
  test("nothing is compressed, and nothing compressed is asked for", async () => {
    let headers: Record<string, unknown> = {};
    const server = await httpServer((request, response) => {
      headers = request.headers;
      response.end();
    });
    open.push(server);
    await send({ url: server.url });
    expect(headers).not.toHaveProperty("content-encoding");
    expect(headers).not.toHaveProperty("accept-encoding");
  });
});
