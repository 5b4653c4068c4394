import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../../../helpers/eventually.ts";
import { hasRedis, startRedis, type RedisServer } from "../../../helpers/redis-server.ts";
import {
  AS_ADMIN,
  killRelays,
  startRelayProcess,
  type RelayProcess,
} from "../../../helpers/relay-process.ts";
import { hasRuntime, RUNTIMES } from "../../../helpers/runtimes.ts";

const TOKEN = "processes-secret-token";

interface Received {
  readonly name: string;
  readonly project: string;
  readonly relay: string;
  readonly response: ServerResponse;
}

interface Sink {
  readonly url: string;
  readonly received: Received[];
  close(): void;
}

/** A target that notes what comes; the test answers where `answer` does not. */
async function startSink(answer: (received: Received) => void): Promise<Sink> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("error", () => {});
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = JSON.parse(Buffer.concat(chunks).toString("utf8")) as { project: { id: number } };
      const one = {
        name: String(request.headers["idempotency-key"]),
        project: String(body.project.id),
        relay: String(request.socket.remotePort),
        response,
      };
      received.push(one);
      answer(one);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    received,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe.runIf(hasRedis)("relays as processes of their own on one Redis", () => {
  let redis: RedisServer;
  let folder: string;
  let sink: Sink;

  beforeAll(async () => {
    redis = await startRedis();
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "relay-processes-"));
  });
  afterEach(async () => {
    await killRelays();
    sink.close();
    rmSync(folder, { recursive: true });
  });
  afterAll(() => redis.close());

  const start = (prefix: string, leaseSeconds: number, more = {}): RelayProcess => {
    const config = join(folder, "relay.yaml");
    const ordered = { type: "http", url: sink.url, ordering: "project", timeoutSeconds: 60, ...more };
    writeFileSync(config, stringify({ queue: { redis: { prefix, leaseSeconds } }, targets: { ordered } }));
    return startRelayProcess(
      {
        RELAY_CONFIG: config,
        REDIS_URL: redis.url,
        GITLAB_WEBHOOK_SECRET: TOKEN,
        LOG_LEVEL: "debug",
      },
      [],
      hasRuntime("node24") ? RUNTIMES.node24 : RUNTIMES.node,
    );
  };
  const post = async (relay: RelayProcess, name: string, project = 1): Promise<string> => {
    const answer = await fetch(`${await relay.url()}/webhooks/gitlab`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-gitlab-event": "Push Hook",
        "x-gitlab-token": TOKEN,
        "idempotency-key": name,
      },
      body: JSON.stringify({ object_kind: "push", project: { id: project } }),
    });
    expect(answer.status).toBe(202);
    return ((await answer.json()) as { id: string }).id;
  };
  const stateOf = async (relay: RelayProcess, id: string): Promise<unknown> => {
    const answer = await fetch(`${await relay.url()}/api/v1/events/${id}`, { headers: AS_ADMIN });
    return ((await answer.json()) as { state: string }).state;
  };
  const names = (): string[] => sink.received.map(({ name }) => name);

  test("one that is stopped for longer than its lease loses its lane: it can neither settle nor send on", async () => {
    // The first try of "one" is left without an answer; everything else is taken.
    sink = await startSink(({ response }) => {
      if (sink.received.length > 1) response.writeHead(204).end();
    });
    const paused = start("paused", 2);
    const id = await post(paused, "one");
    await eventually(() => sink.received.length === 1);
    const other = start("paused", 2);
    await post(other, "two");
    paused.child.kill("SIGSTOP");
    await eventually(() => names().length === 3);
    expect(names()).toEqual(["one", "one", "two"]);
    await eventually(async () => (await stateOf(other, id)) === "done");
    paused.child.kill("SIGCONT");
    // Were it believed, this answer would make a dead letter of the event.
    sink.received[0]!.response.writeHead(410).end("gone");
    await post(paused, "three");
    await eventually(() => names().length === 4);
    await eventually(async () => (await stateOf(paused, id)) === "done");
    const dead = await fetch(`${await other.url()}/api/v1/events?state=dead`, { headers: AS_ADMIN });
    expect(await dead.json()).toMatchObject({ events: [] });
    expect(names()).toEqual(["one", "one", "two", "three"]);
    expect(sink.received[0]!.relay).not.toBe(sink.received[1]!.relay);
  });

  test("one that gets SIGTERM ends with 0 and hands its lanes over at once, in order and without repetition", async () => {
    sink = await startSink(({ response }) => {
      setTimeout(() => response.writeHead(204).end(), 10);
    });
    const more = { concurrency: 4 };
    const [leaving, staying] = [start("leaving", 300, more), start("leaving", 300, more)];
    await Promise.all([leaving.url(), staying.url()]);
    const stored = Array.from({ length: 120 }, (_, index) => ({
      name: `e${index}`,
      project: 1 + (index % 6),
    }));
    for (const { name, project } of stored) await post(leaving, name, project);
    leaving.child.kill("SIGTERM");
    expect(await leaving.exited).toBe(0);
    // The lease is five minutes: nobody waits for it.
    await eventually(() => sink.received.length === stored.length);
    expect(new Set(names()).size).toBe(stored.length);
    for (let project = 1; project <= 6; project++) {
      const inOrder = stored.filter((event) => event.project === project).map(({ name }) => name);
      expect(sink.received.filter((r) => r.project === String(project)).map((r) => r.name)).toEqual(inOrder);
    }
  });
});
