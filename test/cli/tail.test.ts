import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { createAdminFixture } from "../helpers/admin.ts";
import { fetchOf, runCli } from "../helpers/cli.ts";
import { eventually } from "../helpers/eventually.ts";
import { httpServer, type Received } from "../helpers/http-server.ts";
import { killRelays, startRelayProcess, type RelayProcess } from "../helpers/relay-process.ts";
import { freePort } from "../helpers/free-port.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await killRelays();
  for (const close of closing.splice(0).toReversed()) await close();
});

/** A server that keeps what it gets, and calls back with the count. */
async function receiver(onCount: (count: number) => void = () => {}) {
  const got: Received[] = [];
  const server = await httpServer((request, response) => {
    got.push(request);
    response.writeHead(200).end("thanks");
    onCount(got.length);
  });
  closing.push(() => server.close());
  return { got, url: server.url };
}

describe("tail", () => {
  test("refuses for good at once: a wrong token, no relay, wrong options", async () => {
    const relay = createAdminFixture();
    closing.push(async () => relay.close());
    const wrong = await runCli(["tail", "--token", "wrong"], { fetch: fetchOf(relay) });
    expect(wrong).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("refuses the token") as string,
    });
    expect((await runCli(["tail"])).stderr).toContain("cannot reach the relay");
    for (const argv of [
      ["--to", "x"],
      ["--limit", "0"],
      ["--since", "never"],
      ["--until", "1h"],
    ])
      expect((await runCli(["tail", ...argv])).status).toBe(2);
  });

  test("ends with 0 when it is asked to", async () => {
    const relay = createAdminFixture();
    closing.push(async () => relay.close());
    const ended = new AbortController();
    const fetch: typeof globalThis.fetch = async (input, init) => {
      if (String(input).includes("/follow")) ended.abort();
      init?.signal?.throwIfAborted();
      return await fetchOf(relay)(input, init);
    };
    expect((await runCli(["tail"], { fetch, ended: ended.signal })).status).toBe(0);
  });

  test(
    "hands on what a target gets, catches up, and neither loses nor repeats over a kill of the relay",
    { timeout: 180_000 },
    async () => {
      const folder = await mkdtemp(join(tmpdir(), "tail-"));
      closing.push(() => rm(folder, { recursive: true, force: true }));
      const target = await receiver();
      const port = await freePort();
      const url = `http://127.0.0.1:${port}`;
      const start = async (): Promise<RelayProcess> => {
        const relay = startRelayProcess({
          PORT: String(port),
          RELAY_DATA_DIR: folder,
          GITLAB_WEBHOOK_SECRET: "a-secret-of-the-hook",
          RELAY_TARGET_URL: target.url,
        });
        await relay.url();
        return relay;
      };
      const send = async (count: number, project = "acme/shop"): Promise<void> => {
        const argv = [
          "send",
          "push",
          "--to",
          `${url}/webhooks/gitlab`,
          "--project",
          project,
          "--count",
          String(count),
        ];
        const { status } = await runCli(argv, { env: { GITLAB_WEBHOOK_SECRET: "a-secret-of-the-hook" } });
        expect(status).toBe(0);
      };
      const relay = await start();
      await send(3);
      await send(2, "acme/other");

      let live = (): void => {};
      const isLive = new Promise<void>((resolve) => (live = resolve));
      const local = await receiver((count) => (count === 3 ? live() : undefined));
      const argv = [
        "tail",
        "--to",
        local.url,
        "--url",
        url,
        "--since",
        "1h",
        "--limit",
        "7",
        "--project",
        "acme/shop",
      ];
      const tailing = runCli(argv, { fetch });
      await isLive;
      relay.child.kill("SIGKILL");
      await relay.exited;
      await start();
      await send(4);
      const { status, stdout, stderr } = await tailing;
      expect(status).toBe(0);
      const [last = ""] = local.got.slice(-2).map(({ headers }) => String(headers["x-relay-event-id"]));
      const again = await runCli(["tail", "--url", url, "--after", last, "--limit", "1"], { fetch });
      expect(JSON.parse(again.stdout)).toMatchObject({
        id: local.got.at(-1)?.headers["x-relay-event-id"],
        answer: null,
      });
      await eventually(
        () => new Set(target.got.map(({ headers }) => headers["x-relay-event-id"])).size === 9,
      );
      expect(stderr).toContain("trying again");
      expect(stderr).toContain("in contact again");

      const lines = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { id: string; answer: object });
      const ids = local.got.map(({ headers }) => headers["x-relay-event-id"]);
      expect(lines.map(({ id }) => id)).toEqual(ids);
      expect(ids).toEqual([...new Set(ids)].sort());
      expect(ids).toHaveLength(7);
      expect(lines[0]?.answer).toMatchObject({ status: 200, text: "thanks" });
      for (const { headers, body } of local.got) {
        const atTarget = target.got.find(
          (other) => other.headers["x-relay-event-id"] === headers["x-relay-event-id"],
        );
        expect(body.equals(atTarget?.body as Buffer)).toBe(true);
        const { host: _a, "x-relay-attempt": _b, connection: _c, ...rest } = headers;
        expect(atTarget?.headers).toMatchObject(rest);
        expect(headers).not.toHaveProperty("x-gitlab-token");
      }
    },
  );
});
