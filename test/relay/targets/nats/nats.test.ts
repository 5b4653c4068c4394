/** Against a real nats-server. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../../lib/clock.ts";
import { silentLog } from "../../../../lib/log.ts";
import type { AttemptResult, Sending, Target } from "../../../../relay/delivery/port.ts";
import { createTargets, targetSchema } from "../../../../relay/targets/registry.ts";
import { makeCertificates } from "../../../helpers/certificates.ts";
import { eventMeta } from "../../../helpers/events.ts";
import { eventually } from "../../../helpers/eventually.ts";
import { hasNats, startNats, type NatsServer } from "../../../helpers/nats-server.ts";
import { killRelays, startRelayProcess, type RelayProcess } from "../../../helpers/relay-process.ts";
import { startProxy } from "../../../helpers/tcp-proxy.ts";

/** Two relays start one after another, perhaps on a busy machine. */
const PATIENT_MS = 45_000;

let nats: NatsServer;
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await killRelays();
  for (const one of open.splice(0).toReversed()) await one.close();
});

async function server(...args: Parameters<typeof startNats>): Promise<NatsServer> {
  nats = await startNats(...args);
  open.push(nats);
  return nats;
}

function targetAt(changes: Record<string, unknown> = {}): Target {
  const settings = { type: "nats", servers: [nats.url], timeoutSeconds: 5, ...changes };
  const target = createTargets({ clock: systemClock, log: silentLog })(
    "events",
    targetSchema.parse(settings),
  );
  open.push(target);
  return target;
}

function sending(changes: Partial<Sending> = {}): Sending {
  return {
    meta: eventMeta({ kind: "push", headers: [["x-gitlab-event", "Push Hook"]] }),
    body: Buffer.from('{"object_kind":"push"}'),
    attempt: 1,
    replay: 0,
    signal: new AbortController().signal,
    ...changes,
  };
}

describe.skipIf(!hasNats)("a nats target", () => {
  beforeEach(async () => {
    await server("max_payload: 100000\n");
    await nats.addStream("GITLAB", ["gitlab.>"]);
  });

  test("stores the received bytes as one message, and is done once the stream says so", async () => {
    const target = targetAt({
      subject: "gitlab.{{ event.project.path }}.{{ event.kind }}",
      stream: "GITLAB",
    });
    const result = await target.send(sending());
    expect(result).toEqual<AttemptResult>({
      verdict: "done",
      status: null,
      error: null,
      excerpt: "GITLAB stored it as 1",
      retryAfterSeconds: null,
    });
    const [message, ...others] = await nats.messages("GITLAB");
    expect(others).toEqual([]);
    expect(message).toMatchObject({
      subject: "gitlab.acme.web.push",
      id: eventMeta().id,
      body: '{"object_kind":"push"}',
      headers: { "x-gitlab-event": "Push Hook", "x-relay-event-id": eventMeta().id },
    });
  });

  test("a repetition is recognised by the stream; a replay is a message of its own", async () => {
    const target = targetAt();
    await target.send(sending());
    const again = await target.send(sending({ attempt: 2 }));
    expect(again).toMatchObject({ verdict: "done", excerpt: "GITLAB had it already, as 1" });
    await target.send(sending({ replay: 1 }));
    const ids = (await nats.messages("GITLAB")).map(({ id }) => id);
    expect(ids).toEqual([eventMeta().id, `${eventMeta().id}-replay-1`]);
  });

  test("a lost acknowledgement is a retry that leaves one message", async () => {
    const proxy = await startProxy(nats.port);
    open.push(proxy);
    const target = targetAt({ servers: [`nats://127.0.0.1:${proxy.port}`], timeoutSeconds: 0.3 });
    await target.send(sending({ meta: eventMeta({ kind: "first" }) }));
    proxy.swallowAnswers();
    const meta = eventMeta({ id: "01kf0000000000000000000002", kind: "push" });
    const lost = await target.send(sending({ meta }));
    expect(lost).toMatchObject({
      verdict: "retry",
      error: "gitlab.push: the stream did not acknowledge in time",
    });
    const direct = await targetAt().send(sending({ meta, attempt: 2 }));
    expect(direct.excerpt).toBe("GITLAB had it already, as 2");
  });

  test.each<[string, Record<string, unknown>, AttemptResult["verdict"], RegExp]>([
    ["a subject of no stream", { subject: "other.x" }, "retry", /^other\.x: no stream has this subject/],
    [
      "another stream than wanted",
      { stream: "OTHER" },
      "retry",
      /^gitlab\.push: expected stream does not match/,
    ],
    [
      "a template that asks for too much",
      { subject: "gitlab.{{ body.x }}" },
      "dead",
      /^subject: No such key: x/,
    ],
    [
      "a server that is not there",
      { servers: ["nats://127.0.0.1:9"] },
      "retry",
      /^cannot connect to 127\.0\.0\.1:9: /,
    ],
  ])("%s is told", async (_claim, changes, verdict, error) => {
    const result = await targetAt(changes).send(sending());
    expect(result.verdict).toBe(verdict);
    expect(result.error).toMatch(error);
  });

  test("an event that is too long for the server is dead, with both sizes", async () => {
    const body = Buffer.from(JSON.stringify({ text: "x".repeat(100_000) }));
    const result = await targetAt().send(sending({ body }));
    expect(result).toMatchObject({
      verdict: "dead",
      error: expect.stringContaining("the server takes 100000"),
    });
  });

  test("an attempt that is called off ends at once", async () => {
    const ending = new AbortController();
    const reason = new Error("time is up");
    const sent = targetAt().send(sending({ signal: ending.signal }));
    ending.abort(reason);
    await expect(sent).rejects.toBe(reason);
    await expect(targetAt().send(sending({ signal: ending.signal }))).rejects.toBe(reason);
  });

  test("a server that is killed under load loses nothing, and nothing is stored twice", async () => {
    const target = targetAt({ timeoutSeconds: 2 });
    const ids = Array.from({ length: 1500 }, (_, i) => `01kf${String(i).padStart(22, "0")}`);
    const waiting = [...ids];
    let stored = 0;
    let retried = 0;
    const worker = async (): Promise<void> => {
      for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
        const meta = eventMeta({ id, kind: "push" });
        for (let attempt = 1; ; attempt++) {
          const { verdict } = await target.send(sending({ meta, attempt }));
          if (verdict === "done") break;
          retried += 1;
        }
        if (++stored === 100) nats.process.kill("SIGKILL");
      }
    };
    const working = Array.from({ length: 50 }, worker);
    await eventually(() => nats.process.signalCode === "SIGKILL");
    await nats.restart();
    await Promise.all(working);
    expect(retried).toBeGreaterThan(0);
    const kept = (await nats.messages("GITLAB")).map(({ id }) => id);
    expect(kept.toSorted()).toEqual(ids);
  });

  test(
    "a relay that is killed while it publishes delivers the rest, each event once",
    { timeout: 2 * PATIENT_MS },
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "relay-nats-target-"));
      open.push({ close: async () => rmSync(folder, { recursive: true, force: true }) });
      const proxy = await startProxy(nats.port);
      open.push(proxy);
      const settings = join(folder, "relay.yaml");
      const write = (port: number): void =>
        writeFileSync(settings, `targets: { events: { type: nats, servers: ["nats://127.0.0.1:${port}"] } }`);
      const start = (): RelayProcess =>
        startRelayProcess({
          RELAY_CONFIG: settings,
          RELAY_DATA_DIR: folder,
          GITLAB_WEBHOOK_SECRET: "tokentoken",
        });
      write(proxy.port);
      const first = start();
      const url = `${await first.url()}/webhooks/gitlab`;
      // What is stored while no answer comes back is not known to the relay as done: the kill falls between the two.
      const post = async (n: number): Promise<void> => {
        const headers = {
          "x-gitlab-token": "tokentoken",
          "x-gitlab-event": "Push Hook",
          "idempotency-key": `k${n}`,
        };
        const response = await fetch(url, {
          method: "POST",
          headers,
          body: `{"object_kind":"push","n":${n}}`,
        });
        expect(response.status).toBe(202);
      };
      await post(0);
      await eventually(async () => (await nats.count("GITLAB")) === 1, PATIENT_MS);
      proxy.swallowAnswers();
      await Promise.all(Array.from({ length: 39 }, (_, i) => post(i + 1)));
      await eventually(async () => (await nats.count("GITLAB")) > 10, PATIENT_MS);
      first.child.kill("SIGKILL");
      await first.exited;
      write(nats.port);
      const second = start();
      await second.url();
      await eventually(async () => (await nats.count("GITLAB")) >= 40, PATIENT_MS);
      const bodies = (await nats.messages("GITLAB")).map(({ body }) => (JSON.parse(body) as { n: number }).n);
      expect(bodies.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i));
    },
  );
});

describe.skipIf(!hasNats)("credentials of a nats target", () => {
  test.each<[string, string, object, Record<string, unknown>]>([
    [
      "user and password",
      'authorization { user: relay, password: "pass-word" }\n',
      { user: "relay", pass: "pass-word" },
      { user: "relay", password: "pass-word" },
    ],
    ["a token", 'authorization { token: "to-ken" }\n', { token: "to-ken" }, { token: "to-ken" }],
  ])("%s", async (_claim, lines, login, settings) => {
    await server(lines, login);
    await nats.addStream("GITLAB", ["gitlab.>"]);
    expect(await targetAt(settings).send(sending())).toMatchObject({ verdict: "done" });
    const refused = await targetAt().send(sending());
    expect(refused).toMatchObject({ verdict: "retry" });
    expect(refused.error).toMatch(/Authorization Violation/i);
  });

  test("certificates", async () => {
    const certificates = makeCertificates();
    open.push({ close: async () => certificates.remove() });
    const [ca, cert, key] = ["ca.pem", "server.pem", "server.key"].map((name) =>
      certificates.file(name as "ca.pem"),
    );
    const client = {
      caFile: certificates.file("ca.pem"),
      certFile: certificates.file("client.pem"),
      keyFile: certificates.file("client.key"),
    };
    const tls = { caFile: client.caFile, certFile: client.certFile, keyFile: client.keyFile };
    await server(`tls { ca_file: "${ca}", cert_file: "${cert}", key_file: "${key}", verify: true }\n`, {
      tls,
    });
    await nats.addStream("GITLAB", ["gitlab.>"]);
    const servers = [`tls://127.0.0.1:${nats.port}`];
    expect(await targetAt({ servers, tls: client }).send(sending())).toMatchObject({ verdict: "done" });
    expect(await targetAt({ servers }).send(sending())).toMatchObject({ verdict: "retry" });
  });
});

test("files that cannot be read are mistakes of the settings, with their places", () => {
  const create = createTargets({ clock: systemClock, log: silentLog });
  const base = { type: "nats", servers: ["nats://127.0.0.1:9"] };
  const made = (changes: object): (() => Target) => {
    const settings = targetSchema.parse({ ...base, ...changes });
    return () => create("events", settings);
  };
  expect(made({ credsFile: "/nowhere.creds" })).toThrow(/credsFile: cannot be read/);
  expect(made({ tls: { caFile: "/nowhere.pem" } })).toThrow(/tls\.caFile: cannot be read/);
});
