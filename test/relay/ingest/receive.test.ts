import { describe, expect, test, vi } from "vitest";
import { UpstreamError } from "../../../lib/errors.ts";
import { FAILURE_BURST } from "../../../relay/ingest/admit.ts";
import { MAX_KNOWN_IDS } from "../../../relay/ingest/known.ts";
import { PERSIST_DEADLINE_MS } from "../../../relay/ingest/receive.ts";
import { compileIngest } from "../../../relay/ingest/rules.ts";
import { eventually } from "../../helpers/eventually.ts";
import { eventMeta } from "../../helpers/events.ts";
import { configOf, createIntake, PUSH, TOKEN } from "../../helpers/intake.ts";

const wrong = { "x-gitlab-token": "guess" };
const right = { "x-gitlab-token": TOKEN };

describe("202 and 200", () => {
  test("an event is answered with its id once it is stored, and stored as it came", async () => {
    const intake = createIntake();
    const { status, body, headers } = await intake.post();
    const [stored] = intake.queue.stored();
    expect(status).toBe(202);
    expect(body).toEqual({ status: "accepted", id: stored?.meta.id });
    expect(headers.get("content-type")).toBe("application/json");
    expect(Buffer.compare(stored?.body as Uint8Array, PUSH)).toBe(0);
    expect(stored?.meta).toMatchObject({ kind: "push", projectId: 278964, receivedAt: intake.clock.now() });
    expect(intake.requests).toEqual([["accepted", "push"]]);
    expect(intake.lines).toEqual([
      expect.objectContaining({ event: "webhook.accepted", eventId: stored?.meta.id, kind: "push" }),
    ]);
  });

  test("the same delivery again is a duplicate, whatever its bytes", async () => {
    const intake = createIntake();
    const headers = { ...right, "idempotency-key": "k1" };
    const first = await intake.post({ headers });
    const second = await intake.post({ headers, body: '{"object_kind":"push","resent":true}' });
    expect(second).toMatchObject({
      status: 200,
      body: { status: "duplicate", id: (first.body as { id: string }).id },
    });
    expect(intake.queue.stored()).toHaveLength(1);
    expect(intake.requests.map(([status]) => status)).toEqual(["accepted", "duplicate"]);
  });

  test.each([
    ["unknown kinds", '{"object_kind":"quantum"}'],
    ["no object_kind", "{}"],
    ["odd fields", '{"object_kind":7,"project":"x","object_attributes":[]}'],
  ])("%s are accepted and kept", async (_claim, body) => {
    const intake = createIntake();
    expect((await intake.post({ body })).status).toBe(202);
    expect(intake.queue.stored()[0]?.body.toString()).toBe(Buffer.from(body).toString());
  });

  test("a hook's path is remembered with the event", async () => {
    const intake = createIntake();
    expect((await intake.post({ path: "/webhooks/gitlab/p278964" })).status).toBe(202);
    expect((await intake.post({ path: "/api/v1/webhooks/gitlab" })).status).toBe(202);
    expect(intake.queue.stored().map((event) => event.meta.hookKey)).toEqual(["p278964", null]);
  });
});

describe("401 and 429", () => {
  test("no valid credential: nothing is parsed or stored, and the answer does not say why", async () => {
    const intake = createIntake();
    const parse = vi.spyOn(JSON, "parse");
    const { status, body } = await intake.post({ headers: wrong, body: "not json" });
    const parsedBodies = parse.mock.calls.filter(([text]) => text === "not json");
    parse.mockRestore();
    expect({ status, body }).toEqual({
      status: 401,
      body: { error: { code: "unauthorized", message: "no valid secret token or signature" } },
    });
    expect(parsedBodies).toEqual([]);
    expect(await intake.post({ headers: {} })).toMatchObject({ status: 401, body });
    expect(intake.queue.calls.enqueue).toBe(0);
    expect(intake.requests).toEqual([
      ["unauthorized", null],
      ["unauthorized", null],
    ]);
    expect(intake.lines.map((line) => line["reason"])).toEqual([
      "the secret token is wrong",
      "neither a secret token nor a signature was sent",
    ]);
  });

  test("repeated failures get 429 with Retry-After; a valid caller at the same address never does", async () => {
    const intake = createIntake();
    for (let i = 0; i < FAILURE_BURST; i++) expect((await intake.post({ headers: wrong })).status).toBe(401);
    const throttled = await intake.post({ headers: wrong });
    expect(throttled).toMatchObject({ status: 429, body: { error: { code: "too_many_failures" } } });
    expect(throttled.headers.get("retry-after")).toBe("2");
    expect((await intake.post()).status).toBe(202);
    await intake.clock.advance(2000);
    expect((await intake.post({ headers: wrong })).status).toBe(401);
    expect((await intake.post({ headers: wrong })).status).toBe(429);
    expect(intake.lines.filter((line) => line["event"] === "webhook.unauthorized")).toHaveLength(
      FAILURE_BURST + 1,
    );
  });

  test("changed secrets count from the next request on", async () => {
    const intake = createIntake();
    intake.state.rules = compileIngest(configOf({ gitlab: { secretTokens: ["another-token"] } }));
    expect((await intake.post()).status).toBe(401);
    expect((await intake.post({ headers: { "x-gitlab-token": "another-token" } })).status).toBe(202);
  });
});

test.each(["", "[]", "null", "{", "\ufeff{}", "payload={}", "[".repeat(100_000)])(
  "400 for a body that is not a JSON object: %.10s",
  async (body) => {
    const intake = createIntake();
    const { status, body: answer } = await intake.post({ body });
    expect({ status, answer }).toEqual({
      status: 400,
      answer: { error: { code: "malformed", message: "the body must be a JSON object in UTF-8" } },
    });
    expect(intake.requests).toEqual([["malformed", null]]);
  },
);

describe("413", () => {
  const small = { server: { maxBodyBytes: 100 }, gitlab: { secretTokens: [TOKEN] } };

  test("the limit is inclusive, comes before 401, and nothing is cut", async () => {
    const intake = createIntake(small);
    const exact = `{"a":"${"x".repeat(92)}"}`;
    expect(exact).toHaveLength(100);
    expect((await intake.post({ body: exact })).status).toBe(202);
    const above = await intake.post({ headers: wrong, body: `${exact} ` });
    expect(above).toMatchObject({ status: 413, body: { error: { code: "too_large" } } });
    expect(intake.queue.stored()).toHaveLength(1);
    expect(intake.requests.map(([status]) => status)).toEqual(["accepted", "too_large"]);
  });

  test("it is decided from Content-Length without reading", async () => {
    const intake = createIntake(small);
    const { status } = await intake.post({ headers: { ...right, "content-length": "101" }, body: "{}" });
    expect(status).toBe(413);
  });
});

describe("the activity is told", () => {
  const headers = { ...right, "webhook-id": "w1" };

  test("once of an event that is stored, and not of its repetition", async () => {
    const intake = createIntake();
    const { body } = await intake.post({ headers });
    await intake.post({ headers });
    expect(intake.noted.map(([id]) => id)).toEqual([(body as { id: string }).id]);
    expect(intake.noted[0]?.[1]).toMatchObject({ project: "acme/shop/storefront" });
  });

  test("of an event that was stored after the sender had its answer", async () => {
    const intake = createIntake();
    intake.queue.faults.hang = true;
    const answer = intake.post({ headers });
    await eventually(() => intake.queue.calls.enqueue === 1);
    await intake.clock.advance(PERSIST_DEADLINE_MS);
    expect((await answer).status).toBe(503);
    expect(intake.noted).toEqual([]);
    intake.queue.release();
    await eventually(() => intake.noted.length === 1);
  });

  test("neither of what cannot be stored nor of what says nothing", async () => {
    const intake = createIntake();
    await intake.post({ headers, body: '{"object_kind":"wiki_page","project":{"id":7}}' });
    intake.queue.faults.error = new UpstreamError("storage", "x", { retryable: true });
    await intake.post();
    expect(intake.noted).toEqual([]);
  });
});

describe("known", () => {
  const at = (instance: string): Record<string, string> => ({ ...right, "x-gitlab-instance": instance });
  const ask = async (
    intake: ReturnType<typeof createIntake>,
    path: string,
    instance = "https://gitlab.acme.dev",
  ): Promise<unknown> =>
    (await intake.post({ path: `${path}/known`, headers: at(instance), body: '{"ids":["w1"]}' })).body;
  const send = (intake: ReturnType<typeof createIntake>, path: string): Promise<unknown> =>
    intake.post({ path, headers: { ...at("https://gitlab.acme.dev"), "webhook-id": "w1" } });

  test("knows ids of the same hook and instance, and of no other", async () => {
    const intake = createIntake();
    await send(intake, "/webhooks/gitlab/p278964");
    expect(await ask(intake, "/webhooks/gitlab/p278964")).toEqual({ known: ["w1"] });
    expect(await ask(intake, "/webhooks/gitlab/p278964", "https://gitlab.acme.dev/")).toEqual({
      known: ["w1"],
    });
    expect(await ask(intake, "/webhooks/gitlab/p278964", "https://gitlab.com")).toEqual({ known: [] });
    expect(await ask(intake, "/webhooks/gitlab/g9970")).toEqual({ known: [] });
    expect(await ask(intake, "/webhooks/gitlab")).toEqual({ known: [] });
  });

  test("knows ids from before the hook's URL had its key", async () => {
    const intake = createIntake();
    await send(intake, "/webhooks/gitlab");
    expect(await ask(intake, "/webhooks/gitlab/p278964")).toEqual({ known: ["w1"] });
  });

  test("knows ids that version 0.1.0 stored", async () => {
    const intake = createIntake();
    await intake.queue.enqueue({ meta: eventMeta(), body: PUSH, dedupeKey: "id:w1" });
    expect(await ask(intake, "/webhooks/gitlab/p278964")).toEqual({ known: ["w1"] });
    expect(await send(intake, "/webhooks/gitlab/p278964")).toMatchObject({ status: 200 });
  });
});

describe("503", () => {
  test.each(["disk-full", "queue-full", "storage", "closed"])("storage trouble %s", async (code) => {
    const intake = createIntake();
    intake.queue.faults.error = new UpstreamError(code, "no space left on /data", { retryable: true });
    const { status, body, headers } = await intake.post();
    expect({ status, body }).toEqual({
      status: 503,
      body: { error: { code: "unavailable", message: "the event cannot be stored now" } },
    });
    expect(headers.get("retry-after")).toBe("10");
    expect(intake.requests).toEqual([["unavailable", "push"]]);
    expect(intake.lines[0]).toMatchObject({
      event: "webhook.unavailable",
      code,
      error: "no space left on /data",
    });
  });

  test("the storage may say when to come again", async () => {
    const intake = createIntake();
    intake.queue.faults.error = new UpstreamError("storage", "x", { retryable: true, retryAfterMs: 1500 });
    expect((await intake.post()).headers.get("retry-after")).toBe("2");
  });

  test("storing that takes longer than 5 s; the event may still land, and its repetition is a duplicate", async () => {
    const intake = createIntake();
    intake.queue.faults.hang = true;
    const headers = { ...right, "webhook-id": "w1" };
    const answer = intake.post({ headers });
    await eventually(() => intake.queue.calls.enqueue === 1);
    await intake.clock.advance(PERSIST_DEADLINE_MS);
    expect(await answer).toMatchObject({ status: 503, body: { error: { code: "unavailable" } } });
    intake.queue.release();
    await eventually(() => intake.queue.stored().length === 1);
    expect((await intake.post({ headers })).status).toBe(200);
  });

  test("storing that fails after its deadline disturbs nobody, and no timer goes on after an answer in time", async () => {
    const intake = createIntake();
    intake.queue.faults.hang = true;
    const answer = intake.post();
    await eventually(() => intake.queue.calls.enqueue === 1);
    await intake.clock.advance(PERSIST_DEADLINE_MS);
    expect((await answer).status).toBe(503);
    intake.queue.faults.error = new UpstreamError("storage", "late", { retryable: true });
    intake.queue.release();
    expect((await intake.post()).status).toBe(503);
    await intake.clock.advance(PERSIST_DEADLINE_MS);
    expect(intake.clock.pendingTimers).toBe(0);
  });

  test("shutting down: after the other refusals, and only for what comes after it began", async () => {
    const intake = createIntake();
    intake.queue.faults.hang = true;
    const inFlight = intake.post({ headers: { ...right, "webhook-id": "early" } });
    await eventually(() => intake.queue.calls.enqueue === 1);
    intake.state.isStopping = true;
    intake.queue.release();
    expect((await inFlight).status).toBe(202);
    expect((await intake.post({ headers: wrong })).status).toBe(401);
    expect((await intake.post({ body: "[]" })).status).toBe(400);
    const refused = await intake.post();
    expect(refused).toMatchObject({ status: 503, body: { error: { code: "unavailable" } } });
    expect(refused.headers.get("retry-after")).toBe("10");
  });

  test("a bug is no trouble of the storage: 500, with the reason in the log alone", async () => {
    const intake = createIntake();
    intake.queue.faults.error = new TypeError("undefined is not a function");
    const { status, body } = await intake.post();
    expect(status).toBe(500);
    expect(JSON.stringify(body)).not.toContain("undefined");
    expect(intake.lines[0]).toMatchObject({ event: "request.failed", error: "undefined is not a function" });
  });
});

describe("known", () => {
  const path = "/webhooks/gitlab/known";
  const ask = (ids: unknown, headers: Record<string, string> = right) => ({
    path,
    headers,
    body: JSON.stringify({ ids }),
  });

  test("it names the delivery ids that are stored", async () => {
    const intake = createIntake();
    await intake.post({ headers: { ...right, "webhook-id": "a" } });
    await intake.post({ headers: { ...right, "idempotency-key": "b" } });
    expect(await intake.post(ask(["a", "b", "c"]))).toMatchObject({
      status: 200,
      body: { known: ["a", "b"] },
    });
    expect(await intake.post({ ...ask(["b"]), path: "/webhooks/gitlab/p1/known" })).toMatchObject({
      body: { known: ["b"] },
    });
    expect(await intake.post(ask([]))).toMatchObject({ status: 200, body: { known: [] } });
    expect(intake.requests).toHaveLength(2);
  });

  test("it is authenticated like a webhook", async () => {
    const intake = createIntake();
    expect((await intake.post(ask(["a"], wrong))).status).toBe(401);
    expect((await intake.post(ask(["a"], {}))).status).toBe(401);
  });

  test.each([
    ["501 ids", Array.from({ length: MAX_KNOWN_IDS + 1 }, (_, i) => `id-${i}`)],
    ["no list", "a"],
    ["nothing", undefined],
    ["numbers", [1]],
    ["null", [null]],
  ])("%s are malformed", async (_claim, ids) => {
    expect(await createIntake().post(ask(ids))).toMatchObject({
      status: 400,
      body: { error: { code: "malformed" } },
    });
  });

  test("500 ids are not too many", async () => {
    const ids = Array.from({ length: MAX_KNOWN_IDS }, (_, i) => `id-${i}`);
    expect((await createIntake().post(ask(ids))).status).toBe(200);
  });

  test("storage that fails or hangs is 503", async () => {
    const intake = createIntake();
    intake.queue.faults.error = new UpstreamError("storage", "x", { retryable: true });
    expect(await intake.post(ask(["a"]))).toMatchObject({
      status: 503,
      body: { error: { code: "unavailable" } },
    });
    intake.queue.faults.error = null;
    intake.queue.faults.hang = true;
    const answer = intake.post(ask(["a"]));
    await eventually(() => intake.clock.pendingTimers === 1);
    await intake.clock.advance(PERSIST_DEADLINE_MS);
    expect((await answer).status).toBe(503);
    intake.queue.release();
  });
});

test("custom headers of a hook are kept if a target's passHeaders names them, and only those", async () => {
  const bot = { type: "http", url: "http://127.0.0.1:9/", passHeaders: ["X-Tenant"] };
  const intake = createIntake({ gitlab: { secretTokens: [TOKEN] }, targets: { bot } });
  const headers = { "x-gitlab-token": TOKEN, "x-tenant": "acme", "x-other": "b", authorization: "Bearer c" };
  expect((await intake.post({ headers })).status).toBe(202);
  expect(intake.queue.stored()[0]?.meta.headers).toEqual([["x-tenant", "acme"]]);
});
