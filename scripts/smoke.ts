/**
 * Smoke test of a relay on some runtime: `tsx scripts/smoke.ts COMMAND...`, for example `deno run -A relay/main.ts`. Starts it on
 * a free port with its own folder (and the queue in Redis, where REDIS_URL is set), waits until it is ready, has it accept an
 * event and recognise the same one again, and stops it. Exit status 1 and the relay's output where any of that fails.
 */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const START_SECONDS = 60;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

const [command, ...args] = process.argv.slice(2);
if (command === undefined) throw new Error("usage: smoke.ts COMMAND...");
const folder = await mkdtemp(join(tmpdir(), "smoke-"));
const base = `http://127.0.0.1:${await freePort()}`;
const secret = randomUUID();
const relay = spawn(command, args, {
  env: { ...process.env, PORT: new URL(base).port, RELAY_DATA_DIR: folder, GITLAB_WEBHOOK_SECRET: secret },
  stdio: ["ignore", "pipe", "pipe"],
  // A group of its own: npm and other wrappers keep signals from the program that they start.
  detached: true,
});
function signal(name: NodeJS.Signals): void {
  if (relay.pid !== undefined && relay.exitCode === null && relay.signalCode === null)
    process.kill(-relay.pid, name);
}
let output = "";
for (const stream of [relay.stdout, relay.stderr])
  stream.setEncoding("utf8").on("data", (text) => (output += text));
const ended = once(relay, "close");

async function ready(): Promise<void> {
  for (const until = Date.now() + START_SECONDS * 1000; Date.now() < until; await pause(100)) {
    if (relay.exitCode !== null) throw new Error(`The relay ended with status ${relay.exitCode}`);
    const answer = await fetch(`${base}/readyz`).catch(() => null);
    if (answer?.ok === true) return;
  }
  throw new Error(`The relay was not ready within ${START_SECONDS} s`);
}

async function expectPush(id: string, status: number): Promise<void> {
  const answer = await fetch(`${base}/webhooks/gitlab`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-gitlab-event": "Push Hook",
      "x-gitlab-token": secret,
      "idempotency-key": id,
    },
    body: JSON.stringify({ object_kind: "push", project: { id: 1, path_with_namespace: "acme/smoke" } }),
  });
  const text = await answer.text();
  if (answer.status !== status)
    throw new Error(`A push was answered ${answer.status} instead of ${status}: ${text}`);
}

try {
  await ready();
  const id = randomUUID();
  await expectPush(id, 202);
  await expectPush(id, 200);
  signal("SIGTERM");
  const [status] = (await ended) as [number | null];
  // A package manager in between reports the signal, the relay itself 0.
  if (status !== 0 && status !== null && status !== 143)
    throw new Error(`The relay stopped with status ${status}`);
  console.log(`${[command, ...args].join(" ")}: ready, accepted an event once, stopped`);
} catch (error) {
  console.error(output);
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  signal("SIGKILL");
  await rm(folder, { recursive: true, force: true });
}
