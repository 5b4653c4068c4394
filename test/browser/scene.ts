/**
 * What an operator finds after a day: a relay with five targets (one takes everything, one fails now and then, one is down, one is slow,
 * one refuses every merge request) and COUNT events of four projects over the last twelve hours. They are written by the queue itself before the
 * relay starts, without HTTP.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock, type Clock } from "../../lib/clock.ts";
import { silentLog } from "../../lib/log.ts";
import { configSchema } from "../../relay/config/schema.ts";
import type { NewEvent } from "../../relay/event/event.ts";
import { eventFacts } from "../../relay/event/event-facts.ts";
import type { Attempt, Settlement } from "../../relay/queue/delivery-state.ts";
import { exchangeOf } from "../../relay/queue/exchange.ts";
import { createFilesHeartbeat } from "../../relay/storage/files/heartbeat.ts";
import type { Claim, Queue } from "../../relay/queue/queue.ts";
import { httpServer, type TestServer } from "../helpers/http-server.ts";
import { mergeRequest, note, pipeline, push, type SampleWebhook } from "../helpers/payloads.ts";
import { startRelayProcess, type RelayProcess } from "../helpers/relay-process.ts";
import { openQueue } from "../helpers/storage.ts";
import { seedActivity } from "./seed.ts";

/** Events kept; 120,000 in `npm run test:operator`. */
export const COUNT = Number(process.env["EVENTS"] ?? 3000);
export const SCENE_TOKEN = "scene-admin-token-0123456789";
const SECRET = "scene-webhook-secret";
const INSTANCE = "https://gitlab.acme.dev";
const SPAN_MS = 12 * 3_600_000;
const IN_FLIGHT = 512;
const AWAY_MS = 600_000;

/** The event in the middle of all, for what is looked for by an id. */
export const MIDDLE = COUNT >> 1;
export const uuidOf = (number: number): string =>
  `7c5b0f6a-0000-4000-8000-${String(number).padStart(12, "0")}`;

export interface Scene {
  readonly url: string;
  /** Deliveries that the targets got since the relay started, by target. */
  readonly received: ReadonlyMap<string, number>;
  readonly relay: RelayProcess;
  api(path: string): Promise<Record<string, unknown>>;
  /** Sends a webhook as GitLab does, with this secret. */
  send(webhook: SampleWebhook, secret?: string): Promise<number>;
  close(): Promise<void>;
}

export async function openScene(): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), "relay-scene-"));
  const data = join(folder, "data");
  await seed(data);
  await seedActivity(data, Date.now());
  await noteAbsence(data);
  const received = new Map<string, number>();
  const servers = await targetServers(received);
  writeFileSync(join(folder, "relay.yaml"), settingsOf(servers));
  const relay = startRelayProcess(
    { RELAY_DATA_DIR: data, GITLAB_WEBHOOK_SECRET: SECRET, RELAY_ADMIN_TOKEN: SCENE_TOKEN },
    ["--config", join(folder, "relay.yaml")],
  );
  const url = await relay.url();
  let sent = COUNT;
  return {
    url,
    received,
    relay,
    async api(path) {
      const headers = { Authorization: `Bearer ${SCENE_TOKEN}` };
      return (await (await fetch(`${url}/api/v1/${path}`, { headers })).json()) as Record<string, unknown>;
    },
    async send({ header, body }, secret = SECRET) {
      sent += 1;
      const headers = {
        "Content-Type": "application/json",
        "X-Gitlab-Event": header,
        "X-Gitlab-Token": secret,
        "Idempotency-Key": uuidOf(sent),
      };
      const init = { method: "POST", headers, body: JSON.stringify(body) };
      return (await fetch(`${url}/webhooks/gitlab`, init)).status;
    },
    async close() {
      relay.child.kill("SIGTERM");
      await relay.exited;
      await Promise.all([...servers.values()].map((server) => server.close()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** As if the relay had been killed ten minutes ago. */
async function noteAbsence(data: string): Promise<void> {
  const heartbeat = createFilesHeartbeat(data, async () => {});
  await heartbeat.write(Date.now() - AWAY_MS);
  await heartbeat.close();
}

async function targetServers(received: Map<string, number>): Promise<Map<string, TestServer>> {
  const statuses: readonly (readonly [string, (count: number) => number])[] = [
    ["ci-bot", () => 200],
    ["chat-notify", (count) => (count % 10 < 3 ? 503 : 200)],
    ["audit-log", () => 200],
    ["jira-sync", () => 422],
  ];
  const servers = new Map<string, TestServer>();
  for (const [name, status] of statuses) {
    const server = await httpServer((_request, response) => {
      const count = (received.get(name) ?? 0) + 1;
      received.set(name, count);
      response.statusCode = status(count);
      response.setHeader("Content-Type", "application/json");
      response.end(response.statusCode === 422 ? REFUSED : "{}");
    });
    servers.set(name, server);
  }
  // A port that was free a moment ago: connections are refused.
  const gone = await httpServer(() => {});
  await gone.close();
  servers.set("search-index", gone);
  return servers;
}

const REFUSED = '{"errors":[{"field":"object_attributes.labels","message":"is required by workflow PAY-7"}]}';

function settingsOf(servers: ReadonlyMap<string, TestServer>): string {
  const url = (name: string): string => servers.get(name)!.url;
  return `
server: { name: hooks.acme.dev }
queue: { dedupeSeconds: 604800, fs: { minFreeBytes: 0 } }
targets:
  ci-bot: { type: http, url: "${url("ci-bot")}/gitlab", headers: { Authorization: "Bearer scene-bot-token" } }
  chat-notify: { type: http, url: "${url("chat-notify")}/hooks", events: [push, note, merge_request], projects: ["acme/**"] }
  search-index: { type: http, url: "${url("search-index")}/index", events: [push], breaker: { failures: 3, cooldownSeconds: 600 } }
  audit-log: { type: http, url: "${url("audit-log")}/audit", events: [merge_request, note], rateLimit: { requests: 2, perSeconds: 1 } }
  jira-sync: { type: http, url: "${url("jira-sync")}/rest/webhooks", events: [merge_request] }
activity:
  enabled: true
  members: { "Alice Doe": [alice, "alice@acme.dev"], "Bob Ray": [bob] }
`;
}

/** A clock that the seeding moves: ids and times of receipt are spread over the past. */
function movedClock(): Clock & { at: number } {
  const clock = { ...systemClock, at: 0, now: () => clock.at };
  return clock;
}

const ROUTES: Readonly<Record<string, readonly string[]>> = {
  push: ["ci-bot", "chat-notify", "search-index"],
  merge_request: ["ci-bot", "chat-notify", "audit-log", "jira-sync"],
  note: ["ci-bot", "chat-notify", "audit-log"],
  pipeline: ["ci-bot"],
};

/** Writes the events and what became of them, as a relay would have. */
async function seed(base: string): Promise<void> {
  const clock = movedClock();
  const until = Date.now() - 60_000;
  const from = until - SPAN_MS;
  const { queue: settings } = configSchema.parse({ queue: { fs: { base, minFreeBytes: 0 } } });
  const random = Math.random;
  const queue = await openQueue({
    clock,
    log: silentLog,
    random,
    onSync: () => {},
    settings: () => settings,
  });
  queue.setRouting(
    ({ kind }) => (ROUTES[kind ?? ""] ?? []).map((target) => ({ target, lane: null })),
    [...new Set(Object.values(ROUTES).flat())],
  );
  const samples = webhooks();
  for (let first = 0; first < COUNT; first += IN_FLIGHT) {
    clock.at = Math.round(from + (SPAN_MS * first) / COUNT);
    const numbers = Array.from({ length: Math.min(IN_FLIGHT, COUNT - first) }, (_, i) => first + i);
    await Promise.all(
      numbers.map((number) =>
        queue.enqueue(newEvent(number, samples, Math.round(from + (SPAN_MS * number) / COUNT))),
      ),
    );
  }
  clock.at = until;
  await settleAll(queue, "ci-bot", (claim) => taken(claim));
  await settleAll(queue, "chat-notify", (claim, index) =>
    index % 200 === 0 ? givenUp(claim, 503) : taken(claim),
  );
  await settleAll(queue, "jira-sync", (claim) => givenUp(claim, 422));
  await settleSome(queue, "audit-log", Math.floor(COUNT / 8));
  await queue.close();
}

type Ending = (claim: Claim, index: number) => Settlement;

async function settleAll(queue: Queue, target: string, ending: Ending): Promise<void> {
  for (let index = 0; ;) {
    const claims = await queue.claim(target, { first: IN_FLIGHT, retry: 0 });
    if (claims.length === 0) return;
    await Promise.all(claims.map((claim) => claim.settle(ending(claim, index++))));
  }
}

async function settleSome(queue: Queue, target: string, count: number): Promise<void> {
  for (let settled = 0; settled < count;) {
    const claims = await queue.claim(target, { first: Math.min(IN_FLIGHT, count - settled), retry: 0 });
    if (claims.length === 0) return;
    await Promise.all(claims.map((claim) => claim.settle(taken(claim))));
    settled += claims.length;
  }
}

function attemptOf({ meta }: Claim, status: number): Attempt {
  const sent = {
    method: "POST",
    url: "https://jira.acme.dev/rest/webhooks",
    headers: { "content-type": "application/json", authorization: "x", "x-relay-event-id": meta.id },
    hidden: new Set(["authorization"]),
  };
  return {
    at: meta.receivedAt + 40,
    durationMs: 35,
    status,
    error: status < 300 ? null : `answered ${status}`,
    excerpt: status === 422 ? REFUSED : null,
    ...(status < 300 ? {} : { exchange: exchangeOf(sent, { "x-request-id": meta.id.slice(-8) }, meta) }),
  };
}

const taken = (claim: Claim): Settlement => ({
  outcome: "done",
  at: claim.meta.receivedAt + 75,
  attempt: attemptOf(claim, 200),
});

function givenUp(claim: Claim, status: number): Settlement {
  const at = claim.meta.receivedAt + 80;
  return { outcome: "dead", at, attempt: attemptOf(claim, status), reason: `answered ${status}` };
}

interface Sample extends SampleWebhook {
  readonly bytes: Buffer;
}

/** One of each kind and project; their numbers are the events'. */
function webhooks(): Sample[] {
  const people = ["alice", "bob", "chen"] as const;
  const projects = ["shop", "api", "docs"] as const;
  const all = people.flatMap((who, i) =>
    projects.flatMap((project, j) => [
      push(who, project, `feature/${who}-${j}`, ["Keep the cart when the network is gone"]),
      mergeRequest(who, project, 40 + i * 3 + j, "Keep the cart when the network is gone", "update"),
      note(who, project, 40 + i * 3 + j, "Looks good"),
      pipeline(who, project, 7000 + i * 3 + j, "success", 200),
    ]),
  );
  return all.map(({ header, body }) => ({ header, body, bytes: Buffer.from(JSON.stringify(body)) }));
}

function newEvent(number: number, samples: readonly Sample[], receivedAt: number): NewEvent {
  const { header, body, bytes } = samples[number % samples.length]!;
  const deliveryId = uuidOf(number);
  return {
    dedupeKey: createHash("sha256").update(deliveryId).digest("base64url"),
    body: bytes,
    meta: {
      ...eventFacts({ header, instance: INSTANCE }, body),
      receivedAt,
      header,
      hookKey: null,
      instance: INSTANCE,
      deliveryId,
      recovered: false,
      verifiedBy: ["token"],
      verifiedMs: 0.3,
      bodyBytes: bytes.length,
      headers: [
        ["content-type", "application/json"],
        ["x-gitlab-event", header],
        ["x-gitlab-event-uuid", uuidOf(number + 500_000_000)],
        ["x-gitlab-webhook-uuid", uuidOf(900_000_000)],
        ["idempotency-key", deliveryId],
      ],
    },
  };
}
