import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { UpstreamError } from "../../../lib/errors.ts";
import type { Json } from "../../../lib/json.ts";
import { configSchema } from "../../../relay/config/schema.ts";
import { withId, type EventMeta, type NewEvent } from "../../../relay/event/event.ts";
import { pairKeyOf } from "../../../relay/event/pair-key.ts";
import { FORERUNNER_WAIT_MS, Pairs } from "../../../relay/ingest/pairs.ts";
import { PAIR_WINDOW_MS } from "../../../relay/ingest/stored-pairs.ts";
import type { Enqueued, EventPage, EventSummary, QueueEvent } from "../../../relay/queue/queue.ts";
import { newDelivery } from "../../../relay/queue/delivery-state.ts";
import { createRouter } from "../../../relay/routing/route.ts";
import { FakeClock } from "../../helpers/clock.ts";
import { eventMeta } from "../../helpers/events.ts";
import { fc } from "../../helpers/properties.ts";

const fixture = (name: string): Json =>
  JSON.parse(readFileSync(new URL(`../../fixtures/${name}.json`, import.meta.url), "utf8")) as Json;

describe("pairKeyOf()", () => {
  const push = {
    header: "Push Hook",
    kind: "push",
    projectId: 278964,
    ref: "refs/heads/main",
    hookKey: null,
  };
  const system = { ...push, header: "System Hook", hookKey: "system" };
  const request = { ...push, header: "Merge Request Hook", kind: "merge_request", ref: null };
  const pushed = { ...fixture("system-push"), commits: [{ id: "da15" }], object_kind: "push" };

  test("a push has the same key from both hooks, although their bodies differ", () => {
    const key = pairKeyOf(system, fixture("system-push"));
    expect(key).toMatch(/^pair-[0-9a-f]{32}$/);
    expect(pairKeyOf(push, pushed)).toBe(key);
    expect(pairKeyOf({ ...push, hookKey: "p278964" }, pushed)).toBe(key);
  });

  test.each<[string, Partial<typeof push>, Json]>([
    ["another project", { projectId: 1 }, pushed],
    ["another ref", { ref: "refs/heads/dev" }, pushed],
    ["another end", {}, { ...pushed, after: "0000" }],
    ["another person", {}, { ...pushed, user_id: 1 }],
    ["another kind", { kind: "tag_push", header: "Tag Push Hook" }, pushed],
  ])("%s has another key", (_claim, facts, payload) => {
    const key = pairKeyOf({ ...push, ...facts }, payload);
    expect(key).toMatch(/^pair-[0-9a-f]{32}$/);
    expect(key).not.toBe(pairKeyOf(push, pushed));
  });

  test("of merge requests, the time and what changed count", () => {
    const body = fixture("merge-request");
    const key = pairKeyOf(request, body);
    const attributes = body["object_attributes"] as Json;
    expect(pairKeyOf({ ...request, header: "System Hook" }, body)).toBe(key);
    const later = { ...attributes, updated_at: "2026-01-15T08:20:01.000Z" };
    expect(pairKeyOf(request, { ...body, object_attributes: later })).not.toBe(key);
    expect(pairKeyOf(request, { ...body, changes: { title: {} } })).not.toBe(key);
  });

  test.each<[string, object, Json]>([
    ["a payload that lacks an end", push, { ...pushed, before: null }],
    ["a merge request without a time", request, { object_attributes: { id: 1, action: "open" } }],
    ["a test of the hook", { ...push, test: true }, pushed],
    ["a kind that only one of them sends", { ...push, kind: "issue", header: "Issue Hook" }, pushed],
    ["a system hook's event under a project's key", { ...system, hookKey: "p278964" }, pushed],
    ["a hook's event under the system's key", { ...push, hookKey: "system" }, pushed],
  ])("%s has none", (_claim, facts, payload) => {
    expect(pairKeyOf(facts as typeof push, payload)).toBeUndefined();
  });
});

/** `hooks` wants the events of hooks alone: see wants(). */
const route = createRouter(
  configSchema.parse({
    targets: {
      both: { type: "log" },
      hooks: { type: "log" },
      main: { type: "log", projects: [42] },
    },
  }),
);

type Side = "hook" | "system";

function eventOf(side: Side, pairKey = "one"): NewEvent {
  const header = side === "system" ? "System Hook" : "Push Hook";
  return { meta: eventMeta({ header, pairKey }), body: Buffer.from("{}"), dedupeKey: "" };
}

/** A queue whose writes and matches end when the test says so. */
function createStage(
  delay: <T>(what: string) => Promise<T | undefined> = async () => undefined,
  before: (clock: FakeClock) => readonly EventSummary[] = () => [],
) {
  const clock = new FakeClock();
  const listeners = new Set<(event: QueueEvent) => void>();
  const got: { readonly target: string; readonly meta: EventMeta }[] = [];
  const stored: EventMeta[] = [];
  const matching: Promise<void>[] = [];
  const state = { isFailing: false };
  const emit = (event: QueueEvent): void => listeners.forEach((listener) => listener(event));
  async function enqueue({ meta: given }: NewEvent, isFailing = state.isFailing): Promise<Enqueued> {
    await delay("write");
    if (isFailing) throw new UpstreamError("storage", "full", { retryable: true });
    const meta = withId(given, `id-${stored.length}`);
    stored.push(meta);
    matching.push(match(meta));
    return { status: "accepted", id: meta.id };
  }
  async function match(meta: EventMeta): Promise<void> {
    await delay("match");
    const wanted = await targetsFor(meta);
    for (const target of wanted) got.push({ target, meta });
    emit({ type: "routed", meta, targets: wanted });
  }
  const list = async (): Promise<EventPage> => {
    await delay("list");
    return { events: before(clock), cursor: null, partial: false, looked: 0 };
  };
  const onEvent = (listener: (event: QueueEvent) => void): (() => void) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };
  return { clock, got, stored, matching, state, pairs: new Pairs({ enqueue, onEvent, list }, clock) };
}

async function targetsFor(meta: EventMeta): Promise<string[]> {
  const routes = await route(meta, () => Promise.resolve(Buffer.from("{}")));
  return routes.map(({ target }) => target).filter((target) => wants(target, meta));
}

function wants(target: string, meta: EventMeta): boolean {
  return target !== "hooks" || meta.header !== "System Hook";
}

/** Newest first, as a storage has them after a restart: the pair of `paired` is complete. */
function storedBefore(clock: FakeClock): EventSummary[] {
  const one = (id: string, changes: Partial<EventMeta>): EventSummary => {
    const meta = eventMeta({
      header: "Push Hook",
      receivedAt: clock.now() - 1000,
      id: `of-${id}`,
      ...changes,
    });
    const delivery = newDelivery(meta.id, "both", 0, 0);
    return { meta, state: "waiting", deliveries: [delivery, { ...delivery, target: "hooks", replay: 1 }] };
  };
  const twin = { of: "of-paired", targets: ["both"] };
  return [
    one("twin", { header: "System Hook", pairKey: "paired", twin }),
    one("paired", { pairKey: "paired" }),
    one("routed", { pairKey: "routed" }),
    one("other", { pairKey: "other", instanceName: "partner" }),
    one("late", { pairKey: "late", receivedAt: clock.now() - PAIR_WINDOW_MS - 1 }),
  ];
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("Pairs", () => {
  test.each<[Side, Side]>([
    ["hook", "system"],
    ["system", "hook"],
  ])("%s, then %s: both are stored, and a target gets one of them", async (first, second) => {
    const { pairs, got, stored } = createStage();
    // At once, as GitLab's jobs send them.
    await Promise.all([pairs.enqueue(eventOf(first)), pairs.enqueue(eventOf(second))]);
    await settle();
    expect(stored.map(({ twin }) => twin?.of)).toEqual([undefined, "id-0"]);
    expect(got.filter(({ target }) => target === "both")).toHaveLength(1);
    // What the rules kept from the first of the two gets the other.
    expect(got.filter(({ target }) => target === "hooks").map(({ meta }) => meta.header)).toEqual([
      "Push Hook",
    ]);
  });

  test("two equal events of one side are two, each with a twin of its own", async () => {
    const { pairs, got } = createStage();
    for (const side of ["hook", "hook", "system", "system", "system"] as const) {
      await pairs.enqueue(eventOf(side));
      await settle();
    }
    expect(got.filter(({ target }) => target === "both")).toHaveLength(3);
  });

  test("the other instance's event, another content and a late one are no twins", async () => {
    const { pairs, clock, stored } = createStage();
    await pairs.enqueue(eventOf("hook"));
    await settle();
    const other = eventOf("system");
    await pairs.enqueue({ ...other, meta: { ...other.meta, instanceName: "partner" } });
    await pairs.enqueue(eventOf("system", "two"));
    await clock.advance(PAIR_WINDOW_MS + 1);
    await pairs.enqueue(eventOf("system"));
    expect(stored.map(({ twin }) => twin)).toEqual([undefined, undefined, undefined, undefined]);
  });

  test("one whose forerunner could not be stored is delivered", async () => {
    const { pairs, state, got } = createStage();
    // From here on nothing waits for the look at what was stored before.
    await pairs.enqueue(eventOf("hook", "before"));
    state.isFailing = true;
    const failed = pairs.enqueue(eventOf("hook"));
    state.isFailing = false;
    const second = pairs.enqueue(eventOf("system"));
    await expect(failed).rejects.toThrow("full");
    await second;
    await settle();
    const ofOne = got.filter(({ meta }) => meta.pairKey === "one");
    expect(ofOne.map(({ target }) => target)).toEqual(["both", "main"]);
  });

  test("one whose forerunner's targets are not known in time is delivered", async () => {
    let release: () => void = () => {};
    const held = new Promise<undefined>((resolve) => (release = () => resolve(undefined)));
    const { pairs, clock, stored } = createStage((what) =>
      what === "match" ? held : Promise.resolve(undefined),
    );
    await pairs.enqueue(eventOf("hook"));
    const second = pairs.enqueue(eventOf("system"));
    await clock.advance(FORERUNNER_WAIT_MS);
    await second;
    expect(stored.map(({ twin }) => twin)).toEqual([undefined, undefined]);
    release();
  });

  test("what was stored before a restart has its twin after it", async () => {
    const { pairs, stored, got } = createStage(undefined, storedBefore);
    for (const key of ["routed", "paired", "late", "other", "routed"])
      await pairs.enqueue(eventOf("system", key));
    await settle();
    expect(stored.map(({ twin }) => twin?.of)).toEqual([
      "of-routed",
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(got.filter(({ target }) => target === "both")).toHaveLength(4);
  });

  test("one that cannot wait for the look at what was stored before is delivered, and so are those after it", async () => {
    let release: () => void = () => {};
    const held = new Promise<undefined>((resolve) => (release = () => resolve(undefined)));
    const { pairs, clock, stored } = createStage(
      (what) => (what === "list" ? held : Promise.resolve(undefined)),
      storedBefore,
    );
    const first = pairs.enqueue(eventOf("system", "routed"));
    await clock.advance(FORERUNNER_WAIT_MS);
    await first;
    release();
    await settle();
    await pairs.enqueue(eventOf("system", "routed"));
    expect(stored.map(({ twin }) => twin)).toEqual([undefined, undefined]);
  });

  test("nothing is lost, whatever comes in which order and fails", async () => {
    const arrival = fc.record({
      side: fc.constantFrom<Side>("hook", "system"),
      key: fc.constantFrom("one", "two"),
      isFailing: fc.boolean(),
      pauseMs: fc.constantFrom(0, 0, 0, FORERUNNER_WAIT_MS, PAIR_WINDOW_MS + 1),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(arrival, { maxLength: 12 }), fc.scheduler(), async (arrivals, scheduler) => {
        const stage = createStage((what) => scheduler.schedule(Promise.resolve(undefined), what));
        const sent: Promise<unknown>[] = [];
        for (const { side, key, isFailing, pauseMs } of arrivals) {
          stage.state.isFailing = isFailing;
          sent.push(stage.pairs.enqueue(eventOf(side, key)).catch(() => {}));
          if (pauseMs > 0) await stage.clock.advance(pauseMs);
          else if (scheduler.count() > 2) await scheduler.waitOne();
        }
        await scheduler.waitFor(Promise.all(sent));
        await scheduler.waitFor(Promise.all(stage.matching));
        for (const key of ["one", "two"])
          for (const target of ["both", "hooks", "main"]) {
            const delivered = stage.got.filter(
              (one) => one.target === target && one.meta.pairKey === key,
            ).length;
            for (const header of ["Push Hook", "System Hook"]) {
              const due = stage.stored.filter(
                (meta) => meta.pairKey === key && meta.header === header && wants(target, meta),
              );
              expect(delivered).toBeGreaterThanOrEqual(due.length);
            }
          }
      }),
      { numRuns: 300 },
    );
  });
});
