import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PAYLOADS } from "../../cli/payloads/payloads.ts";
import type { Scene } from "../../cli/payloads/scene.ts";
import { eventNames } from "../../lib/event-payload.ts";
import { EVENTS, eventRow, SYSTEM_HEADER } from "../../lib/events.ts";
import { decodeSigningToken, verify } from "../../lib/signature.ts";
import { eventFacts } from "../../relay/event/event-facts.ts";
import { kindOf } from "../../relay/event/kinds/kinds.ts";
import { runCli } from "../helpers/cli.ts";
import { httpServer, type TestServer } from "../helpers/http-server.ts";

const scene: Scene = {
  project: "acme/shop",
  branch: "main",
  user: "alice",
  now: 1_769_850_000_000,
  number: 3,
};

test("there is a payload for each kind of event, and none for another", () => {
  expect([...PAYLOADS.keys()].sort()).toEqual(EVENTS.map(({ kind }) => kind).sort());
});

describe.each(EVENTS)("the payload of $kind", (row) => {
  const body = JSON.parse(JSON.stringify(PAYLOADS.get(row.kind)?.(scene))) as Record<string, unknown>;
  const isSystem = row.scopes.every((scope) => scope === "system");
  const header = isSystem ? SYSTEM_HEADER : row.header;

  test("is recognised as its kind, by the relay's own reading", () => {
    const names = eventNames(header, body);
    expect(eventRow(names)?.kind).toBe(row.kind);
    expect(kindOf(names)?.kind).toBe(row.kind);
  });

  test("has a project, a ref and an action if its kind has", () => {
    const facts = eventFacts({ header, instance: null }, body);
    const has = kindOf(eventNames(header, body))?.has;
    if (has?.path === true && row.kind !== "system_member") expect(facts.projectPath).toBe("acme/shop");
    if (has?.branch === true && row.kind !== "tag_push" && row.kind !== "release")
      expect(facts.ref).toMatch(/main$/);
    if (has?.action === true) expect(facts.action).not.toBeNull();
  });

  test("differs from event to event", () => {
    const of = (number: number): string => JSON.stringify(PAYLOADS.get(row.kind)?.({ ...scene, number }));
    const sameForAll = [
      "member",
      "system_member",
      "project",
      "system_project",
      "system_group",
      "system_user",
      "system_subscription",
    ];
    if (!sameForAll.includes(row.kind)) expect(of(1)).not.toBe(of(2));
  });
});

describe("send", () => {
  let server: TestServer;
  let status = 202;
  const received: { readonly headers: Record<string, unknown>; readonly body: Buffer }[] = [];

  beforeEach(async () => {
    received.length = 0;
    status = 202;
    server = await httpServer(({ headers, body }, response) => {
      received.push({ headers, body });
      response.writeHead(status).end('{"status":"accepted"}');
    });
  });
  afterEach(() => server.close());

  test("posts what GitLab would, with token and signature, and shows the answer", async () => {
    const token = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
    const argv = [
      "send",
      "merge_requests",
      "--to",
      server.url,
      "--secret",
      "s3cret",
      "--signing-token",
      token,
      "--output",
      "text",
    ];
    const run = await runCli(argv);
    expect(run).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^merge_request -> 202 in \d+ ms {2}\{"status"/) as string,
    });
    const [{ headers, body } = { headers: {}, body: Buffer.of() }] = received;
    expect(headers).toMatchObject({
      "content-type": "application/json",
      "x-gitlab-event": "Merge Request Hook",
      "x-gitlab-token": "s3cret",
      "webhook-id": headers["idempotency-key"],
    });
    const signed = {
      id: String(headers["webhook-id"]),
      timestamp: String(headers["webhook-timestamp"]),
      signature: String(headers["webhook-signature"]),
    };
    expect(
      verify([decodeSigningToken(token) as Uint8Array], signed, body, {
        receivedAt: Date.now(),
        toleranceSeconds: 300,
      }),
    ).toBe("valid");
  });

  test("takes secrets from the environment, the first of several, and shows none", async () => {
    const { stdout, stderr } = await runCli(["send", "push", "--to", server.url], {
      env: { GITLAB_WEBHOOK_SECRET: "first-one,second-one" },
    });
    expect(received[0]?.headers["x-gitlab-token"]).toBe("first-one");
    expect(stdout + stderr).not.toContain("first-one");
  });

  test("gives the secret of a relay on this machine to no other address", async () => {
    await runCli(["send", "push", "--to", server.url], { readFile: () => "the-made-secret" });
    expect(received[0]?.headers).not.toHaveProperty("x-gitlab-token");
  });

  test("sends --count events with ids of their own, for the project, branch and user asked for", async () => {
    const argv = "send push --count 3 --project a/b/c --branch dev --user zoe".split(" ");
    await runCli([...argv, "--to", server.url]);
    expect(new Set(received.map(({ headers }) => headers["idempotency-key"])).size).toBe(3);
    expect(JSON.parse(String(received[0]?.body))).toMatchObject({
      ref: "refs/heads/dev",
      user_username: "zoe",
      project: { path_with_namespace: "a/b/c" },
    });
  });

  test("sends the payload of --file as it is", async () => {
    await runCli(["send", "push", "--file", "p.json", "--to", server.url], { readFile: () => '{"a":  1}' });
    expect(String(received[0]?.body)).toBe('{"a":  1}');
  });

  test("ends with 1 if an answer is no 2xx, or there is none", async () => {
    status = 401;
    expect((await runCli(["send", "push", "--to", server.url])).status).toBe(1);
    await server.close();
    const run = await runCli(["send", "push", "--to", server.url]);
    expect(run.status).toBe(1);
    expect(JSON.parse(run.stdout)).toMatchObject({
      status: null,
      text: expect.stringContaining("ECONNREFUSED") as string,
    });
  });

  test.each([
    [["send"], "--list shows all"],
    [["send", "nothing"], 'no kind of event "nothing"'],
    [["send", "push", "--to", "localhost:1"], "must be an http or https address"],
    [["send", "push", "--count", "0"], "whole number"],
    [["send", "push", "--project", "shop"], "path with its group"],
    [["send", "push", "--signing-token", "x"], "whsec_"],
  ])("%j is refused with 2", async (argv, text) => {
    expect(await runCli(argv)).toMatchObject({ status: 2, stderr: expect.stringContaining(text) as string });
  });

  test("--list names every kind, --print shows the payload", async () => {
    expect(JSON.parse((await runCli(["send", "--list"])).stdout)).toHaveLength(EVENTS.length);
    expect(JSON.parse((await runCli(["send", "job", "--print"])).stdout)).toMatchObject({
      object_kind: "build",
    });
  });
});
