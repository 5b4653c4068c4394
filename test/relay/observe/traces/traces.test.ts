/** A real relay with a real target and a collector of OTLP over HTTP behind it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import {
  attemptTraceparent,
  incomingTrace,
  parseTraceparent,
  traceOf,
} from "../../../../relay/event/trace.ts";
import { tracesEndpoint } from "../../../../relay/observe/traces/traces.ts";
import { eventMeta } from "../../../helpers/events.ts";
import { eventually } from "../../../helpers/eventually.ts";
import { httpServer, type Received } from "../../../helpers/http-server.ts";
import { PUSH } from "../../../helpers/intake.ts";
import { killRelays, startRelayProcess } from "../../../helpers/relay-process.ts";

vi.setConfig({ testTimeout: 60_000 });

const closing: (() => unknown)[] = [];

afterEach(async () => {
  await killRelays();
  for (const close of closing.splice(0)) await close();
});

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";
const TRACEPARENT = `00-${TRACE}-${PARENT}-01`;

/** Takes everything; answers the first request as asked. */
async function receiver(first = 200) {
  const requests: Received[] = [];
  const server = await httpServer((request, response) => {
    requests.push(request);
    response.writeHead(requests.length === 1 ? first : 200, { "content-type": "application/json" }).end("{}");
  });
  closing.push(() => server.close());
  return { url: server.url, requests };
}

async function relayWith(env: Readonly<Record<string, string>>) {
  const folder = await mkdtemp(join(tmpdir(), "relay-traces-"));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  const relay = startRelayProcess({
    RELAY_DATA_DIR: folder,
    GITLAB_WEBHOOK_SECRET: "a-secret-of-the-hook",
    LOG_LEVEL: "debug",
    ...env,
  });
  const url = await relay.url();
  const send = async (headers: Readonly<Record<string, string>>): Promise<string> => {
    const response = await fetch(`${url}/webhooks/gitlab`, {
      method: "POST",
      headers: { "x-gitlab-token": "a-secret-of-the-hook", "x-gitlab-event": "Push Hook", ...headers },
      body: PUSH,
    });
    return ((await response.json()) as { id: string }).id;
  };
  return { relay, send };
}

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code?: number; readonly message?: string };
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[];
}

interface Export {
  readonly resourceSpans: readonly {
    readonly resource: Pick<Span, "attributes">;
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
  }[];
}

test("without a collector a trace is passed on as it came, and named in log lines", async () => {
  const target = await receiver();
  const { relay, send } = await relayWith({ RELAY_TARGET_URL: target.url });
  await send({ traceparent: TRACEPARENT, tracestate: "vendor=value", "idempotency-key": "1" });
  await relay.line("event.finished");
  expect(target.requests[0]?.headers).toMatchObject({ traceparent: TRACEPARENT, tracestate: "vendor=value" });
  for (const event of ["webhook.accepted", "delivery.done", "event.finished"])
    expect(await relay.line(event)).toMatchObject({ traceId: TRACE });
  await send({ "idempotency-key": "2" });
  await eventually(() => target.requests.length === 2);
  expect(target.requests[1]?.headers).not.toHaveProperty("traceparent");
});

test("a collector gets a span for the webhook and one for each attempt, whose ids the target has seen", async () => {
  const target = await receiver(503);
  const collector = await receiver();
  const { relay, send } = await relayWith({
    RELAY_TARGET_URL: target.url,
    OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/`,
    OTEL_SERVICE_NAME: "hooks-of-acme",
    OTEL_BSP_SCHEDULE_DELAY: "100",
  });
  const id = await send({ traceparent: TRACEPARENT });
  await relay.line("event.finished");
  relay.child.kill("SIGTERM");
  expect(await relay.exited).toBe(0);

  expect(collector.requests.every(({ path }) => path === "/v1/traces")).toBe(true);
  const exports = collector.requests.map(({ body }) => JSON.parse(String(body)) as Export);
  const [resource] = exports.flatMap(({ resourceSpans }) => resourceSpans.map((one) => one.resource));
  expect(resource?.attributes).toContainEqual({
    key: "service.name",
    value: { stringValue: "hooks-of-acme" },
  });
  const spans = exports.flatMap(({ resourceSpans }) =>
    resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)),
  );
  const [webhook, first, second] = spans;
  expect(spans.map(({ name, kind }) => [name, kind])).toEqual([
    ["webhook push", 2],
    ["deliver default", 3],
    ["deliver default", 3],
  ]);
  expect(spans.every(({ traceId }) => traceId === TRACE)).toBe(true);
  expect([webhook?.parentSpanId, first?.parentSpanId, second?.parentSpanId]).toEqual([
    PARENT,
    webhook?.spanId,
    webhook?.spanId,
  ]);
  expect([first?.status.code, second?.status.code ?? 0]).toEqual([2, 0]);
  expect(first?.status.message).toContain("503");
  expect(webhook?.attributes).toContainEqual({ key: "relay.event_id", value: { stringValue: id } });
  expect(target.requests.map(({ headers }) => headers["traceparent"])).toEqual([
    `00-${TRACE}-${first?.spanId}-01`,
    `00-${TRACE}-${second?.spanId}-01`,
  ]);
  for (const span of spans)
    expect(BigInt(span.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(span.startTimeUnixNano));
});

test("a collector that is away is told once, and holds up neither webhooks nor the end", async () => {
  const target = await receiver();
  const { relay, send } = await relayWith({
    RELAY_TARGET_URL: target.url,
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9",
    OTEL_EXPORTER_OTLP_TIMEOUT: "300",
    OTEL_BSP_SCHEDULE_DELAY: "50",
  });
  await send({ "idempotency-key": "1" });
  await relay.line("event.finished");
  await relay.line("traces.not-sent");
  await send({ "idempotency-key": "2" });
  relay.child.kill("SIGTERM");
  expect(await relay.exited).toBe(0);
  expect(relay.stdout().match(/traces\.not-sent/g)).toHaveLength(1);
  expect(await relay.line("webhook.accepted")).toMatchObject({
    traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
  });
});

test.each([
  [TRACEPARENT, { traceId: TRACE, parentId: PARENT, isSampled: true }],
  [`00-${TRACE}-${PARENT}-00`, { traceId: TRACE, parentId: PARENT, isSampled: false }],
  [`01-${TRACE}-${PARENT}-03-more`, { traceId: TRACE, parentId: PARENT, isSampled: true }],
  [`ff-${TRACE}-${PARENT}-01`, null],
  [`00-${"0".repeat(32)}-${PARENT}-01`, null],
  [`00-${TRACE}-${"0".repeat(16)}-01`, null],
  [`00-${TRACE.toUpperCase()}-${PARENT}-01`, null],
  [`00-${TRACE}-${PARENT}`, null],
  ["", null],
])("parseTraceparent(%j)", (value, wanted) => {
  expect(parseTraceparent(value)).toEqual(wanted);
});

test("traceOf() follows from the id alone if nothing came with the event, and from nothing else", () => {
  const [one, other] = [
    eventMeta({ id: "01kf0000000000000000000001" }),
    eventMeta({ id: "01kf0000000000000000000002" }),
  ];
  expect(incomingTrace(one)).toBeNull();
  expect(traceOf(one)).toEqual(traceOf({ ...one, headers: [["traceparent", "broken"]] }));
  expect(traceOf(one).traceId).not.toBe(traceOf(other).traceId);
});

test("attemptTraceparent() is none for a trace that its sender does not record", () => {
  const meta = eventMeta({ headers: [["traceparent", `00-${TRACE}-${PARENT}-00`]] });
  expect(attemptTraceparent(meta, { eventId: meta.id, target: "t", replay: 0, attempt: 1 })).toBeNull();
});

test.each([
  [{}, null],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://c/own" }, null],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318/" }, "http://c:4318/v1/traces"],
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: "http://c", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://d/t" },
    "http://d/t",
  ],
])("tracesEndpoint(%j) is %j", (env, wanted) => {
  expect(tracesEndpoint(env)).toBe(wanted);
});
