import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import manifest from "../package.json" with { type: "json" };
import { eventually } from "./helpers/eventually.ts";
import { PUSH } from "./helpers/intake.ts";
import { killRelays, ROOT, startRelayProcess, TSX, type RelayProcess } from "./helpers/relay-process.ts";
import { available } from "./helpers/tools.ts";
import { freePort } from "./helpers/free-port.ts";

const bin = `${ROOT}test/runtimes/node_modules/.bin/`;

const runtimes: readonly (readonly [string, readonly string[]])[] = [
  ["this Node through tsx", TSX],
  ["Node 24, plain", [`${bin}node`]],
  ["Deno", [`${bin}deno`, "run", "-A"]],
];

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  await killRelays();
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function target(): Promise<{ url: string; bodies: Buffer[] }> {
  const bodies: Buffer[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    bodies.push(Buffer.concat(chunks));
    response.end("ok");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies };
}

async function send(
  relay: RelayProcess,
  token: string,
  id: string,
): Promise<[number, { status: string; id: string }]> {
  const response = await fetch(`${await relay.url()}/webhooks/gitlab`, {
    method: "POST",
    headers: { "x-gitlab-token": token, "x-gitlab-event": "Push Hook", "idempotency-key": id },
    body: PUSH,
  });
  return [response.status, (await response.json()) as { status: string; id: string }];
}

async function smoke(runtime: readonly string[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "relay-runtime-"));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const sink = await target();
  const env = { RELAY_DATA_DIR: join(folder, "data"), RELAY_TARGET_URL: sink.url };

  const first = startRelayProcess(env, [], runtime);
  const { file } = await first.line("secret.generated");
  const token = (await readFile(file as string, "utf8")).trim();
  const [status, accepted] = await send(first, token, "k1");
  expect([status, accepted.status]).toEqual([202, "accepted"]);
  expect(await send(first, token, "k1")).toEqual([200, { status: "duplicate", id: accepted.id }]);
  expect((await send(first, "guess", "k2"))[0]).toBe(401);
  expect((await fetch(`${await first.url()}/readyz`)).status).toBe(200);
  expect(await (await fetch(`${await first.url()}/metrics`)).text()).toContain(
    "gitlab_webhook_requests_total",
  );
  first.child.kill("SIGKILL");
  expect(await first.exited).toBe(137);

  const second = startRelayProcess(env, [], runtime);
  expect(await send(second, token, "k1")).toEqual([200, { status: "duplicate", id: accepted.id }]);
  expect((await send(second, token, "k3"))[0]).toBe(202);
  second.child.kill("SIGTERM");
  expect(await second.exited).toBe(0);
  expect(second.stderr()).toBe("");
  expect(sink.bodies.length).toBeGreaterThanOrEqual(2);
  for (const body of sink.bodies) expect(Buffer.compare(body, PUSH)).toBe(0);
}

describe("kept and delivered, through kill -9, on", () => {
  for (const [name, command] of runtimes) {
    const isThere = available(name, existsSync(command[0] as string));
    const title = isThere ? name : `${name}: not installed here (npm ci --prefix test/runtimes)`;
    test.runIf(isThere)(title, () => smoke(command), 60_000);
  }
});

describe("the program of the sources says its version on", () => {
  for (const [name, command] of [["this Node", [process.execPath]] as const, ...runtimes.slice(1)]) {
    const isThere = available(name, existsSync(command[0] as string));
    test.runIf(isThere)(name, () => {
      const [file = "", ...rest] = command;
      const { stdout, stderr } = spawnSync(file, [...rest, "bin/gitlab-hook-relay.js", "--version"], {
        cwd: ROOT,
        encoding: "utf8",
      });
      expect([stdout, stderr]).toEqual([`${manifest.version}\n`, ""]);
    });
  }
});

/** Every write to /dev/full fails as on a disk without room. */
async function serveWithFullOutput(runtime: readonly string[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "relay-runtime-"));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const port = await freePort();
  const env = {
    RELAY_DATA_DIR: join(folder, "data"),
    PORT: String(port),
    GITLAB_WEBHOOK_SECRET: "tokentoken",
  };
  const relay = startRelayProcess(env, [], ["sh", "-c", 'exec "$@" >/dev/full', "sh", ...runtime]);
  const post = (): Promise<number> =>
    fetch(`http://127.0.0.1:${port}/webhooks/gitlab`, {
      method: "POST",
      headers: { "x-gitlab-token": "tokentoken", "x-gitlab-event": "Push Hook" },
      body: PUSH,
    }).then((response) => response.status);
  await eventually(async () => (await post().catch(() => 0)) === 202);
  expect(await post()).toBe(200);
  relay.child.kill("SIGTERM");
  expect(await relay.exited).toBe(0);
  expect(relay.stderr()).toMatch(/^gitlab-hook-relay: log lines are lost, .*no space left on device.*\n$/i);
}

describe("a full disk under standard output costs log lines, never the relay, on", () => {
  for (const [name, command] of runtimes.filter(([, [file]]) => file !== `${bin}node`)) {
    const isThere = available(name, existsSync(command[0] as string));
    test.runIf(isThere)(name, () => serveWithFullOutput(command), 60_000);
  }
});
