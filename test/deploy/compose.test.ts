import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { eventually } from "../helpers/eventually.ts";
import { hasRedis, startRedis, type RedisServer } from "../helpers/redis-server.ts";
import { killRelays, startRelayProcess, type RelayProcess } from "../helpers/relay-process.ts";
import { hasRuntime, RUNTIMES } from "../helpers/runtimes.ts";
import { hasCommand } from "../helpers/tools.ts";
import { freePort } from "../helpers/free-port.ts";

const hasNginx = hasCommand("nginx", "-v");
const deploy = new URL("../../deploy/", import.meta.url).pathname;
const TOKEN = "compose-secret-token";

interface Compose {
  readonly services: Readonly<Record<string, { command?: string[]; environment?: Record<string, string> }>>;
}

const compose = parse(readFileSync(`${deploy}compose.yaml`, "utf8"), { merge: true }) as Compose;

/** `--name value` pairs behind the program's name. */
function optionsOf(command: readonly string[]): Record<string, string> {
  const options: Record<string, string> = {};
  for (let i = 1; i < command.length; i += 2) options[command[i]!.replace(/^--/, "")] = command[i + 1]!;
  return options;
}

/** nginx with the configuration of deploy/, on loopback, with its files in a folder of the test's. */
async function startNginx(
  folder: string,
  relayPorts: readonly number[],
): Promise<{ url: string; child: ChildProcess }> {
  const port = await freePort();
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (n) => `${n}_temp_path ${folder}/${n};`,
  );
  const conf = readFileSync(`${deploy}nginx.conf`, "utf8")
    .replace("relay-1:8080", `127.0.0.1:${relayPorts[0]}`)
    .replace("relay-2:8080", `127.0.0.1:${relayPorts[1]}`)
    .replace("listen 8080", `listen 127.0.0.1:${port}`)
    .replace("http {", `http {\naccess_log off;\n${temp.join("\n")}`);
  writeFileSync(join(folder, "nginx.conf"), conf);
  const user = process.getuid?.() === 0 ? "user root;" : "";
  const child = spawn(
    "nginx",
    [
      "-p",
      folder,
      "-e",
      // A file, not a pipe: a full pipe that the test does not read would stop nginx.
      join(folder, "error.log"),
      "-c",
      join(folder, "nginx.conf"),
      "-g",
      `daemon off; pid ${folder}/pid; ${user}`,
    ],
    { stdio: "ignore" },
  );
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => (await fetch(`${url}/healthz`)).ok);
  return { url, child };
}

describe("deploy/compose.yaml", () => {
  test("has two relays on one Redis that keeps what it acknowledges, behind nginx", () => {
    const { services } = compose;
    expect(Object.keys(services).sort()).toEqual(["nginx", "redis", "relay-1", "relay-2"]);
    for (const name of ["relay-1", "relay-2"])
      expect(services[name]?.environment?.["REDIS_URL"]).toBe("redis://redis:6379");
    expect(optionsOf(services["redis"]!.command!)).toMatchObject({
      appendonly: "yes",
      appendfsync: "always",
      "maxmemory-policy": "noeviction",
    });
  });
});

describe.runIf(hasNginx && hasRedis)("deploy/ as real processes", () => {
  let folder: string;
  let redis: RedisServer;
  let nginx: ChildProcess | null = null;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "relay-compose-"));
    redis = await startRedis(optionsOf(compose.services["redis"]!.command!));
  });
  afterEach(async () => {
    await killRelays();
    if (nginx !== null) {
      nginx.kill("SIGQUIT");
      await once(nginx, "exit");
    }
    await redis.close();
    rmSync(folder, { recursive: true });
  });

  test("one relay is killed, comes back, then the other one leaves: senders see 2xx only, and all is there", async () => {
    const ports = [await freePort(), await freePort()];
    const start = (index: number): RelayProcess =>
      startRelayProcess(
        {
          PORT: String(ports[index]),
          REDIS_URL: redis.url,
          RELAY_CONFIG: `${deploy}relay.yaml`,
          GITLAB_WEBHOOK_SECRET: TOKEN,
          RELAY_ADMIN_TOKEN: "compose-admin-token",
          LOG_LEVEL: "warn",
        },
        [],
        hasRuntime("node24") ? RUNTIMES.node24 : RUNTIMES.node,
      );
    const ready = (index: number): Promise<void> =>
      eventually(async () => (await fetch(`http://127.0.0.1:${ports[index]}/readyz`)).ok);
    const relays = [start(0), start(1)];
    await Promise.all([ready(0), ready(1)]);
    const front = await startNginx(folder, ports);
    nginx = front.child;

    const statuses = new Map<number, number>();
    let sent = 0;
    const stop = new AbortController();
    const send = async (): Promise<void> => {
      while (!stop.signal.aborted) {
        const answer = await fetch(`${front.url}/webhooks/gitlab`, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            "x-gitlab-event": "Push Hook",
            "x-gitlab-token": TOKEN,
            "idempotency-key": `compose-${(sent += 1)}`,
          },
          body: JSON.stringify({
            object_kind: "push",
            project: { id: 1 },
            filler: "x".repeat(sent % 20_000),
          }),
        });
        await answer.arrayBuffer();
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      }
    };
    const load = Promise.all(Array.from({ length: 8 }, send));
    const after = (count: number): Promise<void> => {
      const wanted = sent + count;
      return eventually(() => sent >= wanted);
    };
    await after(100);
    relays[0]!.child.kill("SIGKILL");
    await relays[0]!.exited;
    await after(100);
    relays[0] = start(0);
    await ready(0);
    relays[1]!.child.kill("SIGTERM");
    expect(await relays[1]!.exited).toBe(0);
    await after(100);
    stop.abort();
    await load;

    expect([...statuses.keys()].filter((status) => status !== 202 && status !== 200)).toEqual([]);
    expect(statuses.get(202)! + (statuses.get(200) ?? 0)).toBe(sent);
    const authorization = { authorization: "Bearer compose-admin-token" };
    const metrics = await fetch(`http://127.0.0.1:${ports[0]}/api/v1/targets`, { headers: authorization });
    expect(metrics.status).toBe(200);
    const ids = Array.from({ length: sent }, (_, index) => `compose-${index + 1}`);
    for (let at = 0; at < ids.length; at += 500) {
      const asked = ids.slice(at, at + 500);
      const answer = await fetch(`${front.url}/webhooks/gitlab/known`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-gitlab-token": TOKEN },
        body: JSON.stringify({ ids: asked }),
      });
      expect(await answer.json()).toEqual({ known: asked });
    }
  });
});

test.each(Object.entries(compose.services))(
  "%s can write nothing but its volumes, and gains no rights",
  (_name, service) => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ["ALL"],
      security_opt: ["no-new-privileges:true"],
    });
  },
);
