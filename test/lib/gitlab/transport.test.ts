import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
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
  ) => { status: number; headers?: Record<string, string>; body?: string } | null,
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
