/**
 * Webhooks of every shape against a relay of its own: whatever a payload holds, it is accepted, kept byte by byte, routed, and shown by
 * every list, page and export; no answer is a 5xx, and the metrics do not grow with the names that are sent.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../helpers/eventually.ts";
import { killRelays, startRelayProcess } from "../helpers/relay-process.ts";
import { ODD_NAMES, RECORDED, webhook, type Webhook } from "./payloads.ts";
import { fc } from "../helpers/properties.ts";

const RUNS = Number(process.env["FUZZ_RUNS"] ?? 15);
const BATCH = 8;
const TOKEN = "fuzz-secret-token";
const ADMIN = "fuzz-admin-token";
/** More than the series that a relay of this size has, and far fewer than the names that are sent. */
const MOST_SERIES = 900;

let url = "";
let folder = "";
const sink = createServer((request, response) => {
  request.resume();
  request.on("end", () => response.end());
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "relay-fuzz-"));
  await new Promise<void>((resolve) => void sink.listen(0, "127.0.0.1", resolve));
  const config = join(folder, "relay.yaml");
  const target = `http://127.0.0.1:${(sink.address() as AddressInfo).port}/`;
  await writeFile(
    config,
    JSON.stringify({
      activity: { enabled: true },
      targets: {
        all: { type: "log" },
        constructor: { type: "http", url: target, format: "cloudevents", ordering: "project" },
        binary: { type: "http", url: target, format: "cloudevents", cloudEventsMode: "binary" },
        chosen: {
          type: "log",
          events: ["push", "issue", "confidential_work_item", "job", "deployment", "pipeline"],
          projects: ["acme/**", "!acme/sandbox/**"],
          branches: ["main", "!dev"],
          actions: ["open", "success", "!failed"],
          labels: ["bug", "!wip"],
          when: 'has(body.object_kind) && event.kind != "odd"',
        },
      },
      overrides: [{ projects: ["acme/**"], targets: { chosen: { enabled: true, events: ["push"] } } }],
    }),
  );
  const relay = startRelayProcess({
    RELAY_CONFIG: config,
    RELAY_DATA_DIR: join(folder, "data"),
    GITLAB_WEBHOOK_SECRET: TOKEN,
    RELAY_ADMIN_TOKEN: ADMIN,
  });
  url = await relay.url();
  cookie = await logIn();
});

afterAll(async () => {
  await killRelays();
  sink.close();
  await rm(folder, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Session of the pages; the API takes the token. */
let cookie = "";

async function logIn(): Promise<string> {
  const response = await fetch(`${url}/login`, {
    method: "POST",
    headers: { origin: url },
    body: new URLSearchParams({ token: ADMIN }),
    redirect: "manual",
  });
  return (response.headers.get("set-cookie") ?? "").split(";")[0] as string;
}

async function get(path: string): Promise<Answer> {
  const headers: Record<string, string> = path.startsWith("/api/")
    ? { authorization: `Bearer ${ADMIN}` }
    : { cookie };
  const response = await fetch(url + path, { headers, redirect: "manual" });
  return { status: response.status, text: await response.text() };
}

async function expectFine(path: string): Promise<string> {
  const { status, text } = await get(path);
  expect([status, text.slice(0, 200)], path).toEqual([200, expect.any(String)]);
  return text;
}

/** The id under which it is stored. */
async function send({ headers, body }: Webhook): Promise<string> {
  const response = await fetch(`${url}/webhooks/gitlab`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers, "x-gitlab-token": TOKEN },
    body,
  });
  const answer = (await response.json()) as { status: string; id: string };
  expect([response.status, answer.status]).toEqual(
    response.status === 202 ? [202, "accepted"] : [200, "duplicate"],
  );
  return answer.id;
}

interface Listed {
  readonly id: string;
  readonly summary: string;
}

/** Whether a value of the payload has braces itself: otherwise those in a summary are a place that was not filled in. */
function hasTextWithBraces(body: string): boolean {
  let found = false;
  JSON.parse(body, (_key, value: unknown) => {
    found ||= typeof value === "string" && /[{}]/.test(value);
    return value;
  });
  return found;
}

/** Everything that shows these events. */
async function expectShown(sent: ReadonlyMap<string, Webhook>): Promise<void> {
  const list = JSON.parse(await expectFine(`/api/v1/events?limit=${2 * BATCH + sent.size}`)) as {
    events: Listed[];
  };
  const listed = new Map(list.events.map((event) => [event.id, event]));
  for (const [id, { body }] of sent) {
    const summary = listed.get(id)?.summary ?? "";
    expect(summary).not.toBe("");
    if (!hasTextWithBraces(body)) expect(summary).not.toMatch(/[{}]/);
    expect(JSON.parse(await expectFine(`/api/v1/events/${id}`))).toMatchObject({ id });
    expect(await expectFine(`/api/v1/events/${id}/body`)).toBe(body);
    await expectFine(`/events/${id}`);
  }
  for (const path of [
    "/",
    "/events",
    "/dead",
    "/targets",
    "/activity",
    "/api/v1/targets",
    "/api/v1/activity",
  ])
    await expectFine(path);
}

async function seriesCount(): Promise<number> {
  const text = await expectFine("/metrics");
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length;
}

test(
  "webhooks of any shape are kept, shown, exported and counted within bounds",
  { timeout: 240_000 + RUNS * 4000 },
  async () => {
    const all = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(webhook, { minLength: 1, maxLength: BATCH }), async (webhooks) => {
        const sent = new Map<string, Webhook>();
        for (const one of webhooks) {
          const id = await send(one);
          // A duplicate by its id may have another body than the first.
          if (!all.has(id)) sent.set(id, one);
          all.add(id);
        }
        await expectShown(sent);
      }),
      // In the gate a failure ends the run with its seed: making it small takes minutes, and is for a run of its own.
      { numRuns: RUNS, endOnFailure: process.env["FUZZ_RUNS"] === undefined },
    );
    const exported = (await expectFine("/api/v1/events/export")).trim().split("\n");
    const ids = new Set(exported.map((line) => (JSON.parse(line) as Listed).id));
    expect([...all].filter((id) => !ids.has(id))).toEqual([]);
    expect(await seriesCount()).toBeLessThan(MOST_SERIES);
    await eventually(async () => {
      const { events } = JSON.parse((await get("/api/v1/events?state=waiting&limit=1")).text) as {
        events: unknown[];
      };
      return events.length === 0;
    }, 60_000);
  },
);

test("every recorded payload is accepted as it is, with names that every object has in each of its texts", async () => {
  for (const name of ["__proto__", "constructor", "valueOf", "hasOwnProperty"]) {
    const sent = new Map<string, Webhook>();
    for (const [recorded, payload] of RECORDED) {
      const body = JSON.stringify(payload, (_key, value: unknown) =>
        typeof value === "string" ? name : value,
      );
      const headers = { "x-gitlab-event": name, "idempotency-key": `${name} ${recorded}` };
      sent.set(await send({ headers, body }), { headers, body });
    }
    await expectShown(sent);
  }
});

test("the live stream tells of events with names that every object has", async () => {
  const stream = await fetch(`${url}/api/v1/stream`, { headers: { authorization: `Bearer ${ADMIN}` } });
  const reader = (stream.body as ReadableStream<Uint8Array>).getReader();
  const ids: string[] = [];
  for (const name of ["__proto__", "constructor", "valueOf"]) {
    const body = JSON.stringify({ object_kind: name, event_name: name, action: name, n: "stream" });
    ids.push(await send({ headers: {}, body }));
  }
  let told = "";
  while (!ids.every((id) => told.includes(id))) {
    const { value, done } = await reader.read();
    if (done) break;
    told += Buffer.from(value).toString("utf8");
  }
  expect(ids.filter((id) => !told.includes(id))).toEqual([]);
  await reader.cancel();
});

const NAMED_PATHS = [
  "/api/v1/events?state=NAME",
  "/api/v1/events?target=NAME",
  "/api/v1/events?project=NAME&kind=NAME&action=NAME&actor=NAME&q=NAME",
  "/api/v1/events?cursor=NAME",
  "/api/v1/events?from=NAME",
  "/api/v1/events?NAME=NAME",
  "/api/v1/events/NAME",
  "/api/v1/events/NAME/body",
  "/api/v1/events/export?kind=NAME",
  "/api/v1/activity?group=NAME",
  "/api/v1/activity?project=NAME&author=NAME",
  "/api/v1/NAME",
  "/events?kind=NAME&state=NAME",
  "/events?project=NAME&actor=NAME",
  "/events/NAME",
  "/activity?project=NAME&author=NAME",
  "/activity?group=NAME",
  "/dead?target=NAME",
  "/targets?NAME",
  "/assets/NAME",
  "/NAME",
];

test.each(NAMED_PATHS)("GET %s is no 5xx, whatever the name", async (path) => {
  for (const name of ODD_NAMES) {
    const { status } = await get(path.replaceAll("NAME", encodeURIComponent(name)));
    expect([name, status < 500]).toEqual([name, true]);
  }
});

const POSTED = ["/api/v1/events/NAME/replay", "/api/v1/targets/NAME/pause", "/api/v1/targets/NAME/resume"];

test.each(POSTED)("POST %s is no 5xx, whatever the name", async (path) => {
  for (const name of ODD_NAMES) {
    const response = await fetch(url + path.replaceAll("NAME", encodeURIComponent(name)), {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN}`, "content-type": "application/json" },
      body: JSON.stringify({ targets: [name] }),
    });
    expect([name, response.status < 500]).toEqual([name, true]);
    await response.body?.cancel();
  }
});
