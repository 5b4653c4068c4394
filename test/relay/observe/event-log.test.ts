import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silentLog, type LogFields } from "../../../lib/log.ts";
import { startEventLog, type EventLog } from "../../../relay/observe/event-log.ts";
import { settlement } from "../../helpers/admin.ts";
import { FakeClock } from "../../helpers/clock.ts";
import { eventMeta } from "../../helpers/events.ts";
import { createMemoryQueue, type MemoryQueue } from "../../helpers/memory-queue.ts";

let clock: FakeClock;
let queue: MemoryQueue;
let lines: { event: string; fields: LogFields }[];
let eventLog: EventLog;
let isOn: boolean;

function start(): EventLog {
  const note = (event: string, fields: LogFields = {}): void => void lines.push({ event, fields });
  return startEventLog({
    queue,
    log: { ...silentLog, info: note, warn: note },
    now: () => clock.now(),
    isOn: () => isOn,
  });
}

beforeEach(() => {
  clock = new FakeClock();
  queue = createMemoryQueue(() => clock.now());
  lines = [];
  isOn = true;
  queue.setRouting(() => ["a", "b"].map((target) => ({ target, lane: null })), ["a", "b"]);
  eventLog = start();
});
afterEach(() => eventLog.close());

async function receive(): Promise<string> {
  const { id: _id, ...meta } = eventMeta({ receivedAt: clock.now(), verifiedMs: 0.4 });
  return (await queue.enqueue({ meta, body: Buffer.from("{}"), dedupeKey: `${queue.calls.enqueue}` })).id;
}

async function settle(target: string, outcome: "done" | "retry" | "dead"): Promise<void> {
  const [claim] = await queue.claim(target, { first: 1, retry: 1 });
  await claim!.settle(settlement(outcome, clock.now()));
}

describe("startEventLog()", () => {
  test("writes one line when the last delivery has ended, with every step", async () => {
    const eventId = await receive();
    await clock.advance(50);
    await settle("a", "done");
    await settle("b", "retry");
    expect(lines).toEqual([]);
    await clock.advance(60_000);
    await settle("b", "dead");
    expect(lines).toEqual([
      {
        event: "event.finished",
        fields: {
          eventId,
          kind: "push",
          action: null,
          project: "acme/web",
          actor: "ada",
          ref: "refs/heads/main",
          hook: null,
          deliveryId: "5f7ad4f4-4b3c-4a0a-9f3e-0f3a0e1c2d3b",
          recovered: false,
          test: false,
          bytes: 2,
          receivedAt: "2026-01-15T12:00:00.000Z",
          outcome: "dead",
          totalMs: 60_062,
          attempts: 3,
          steps: {
            verified: { by: ["token"], durationMs: 0.4 },
            stored: { durationMs: 0 },
            matched: { targets: ["a", "b"], durationMs: 0 },
            deliveries: [
              expect.objectContaining({ target: "a", state: "done", attempts: 1, reason: null }),
              {
                target: "b",
                replay: 0,
                state: "dead",
                attempts: 2,
                reason: "answered 503, attempts used up",
                tries: [
                  { at: "2026-01-15T12:00:00.050Z", durationMs: 12, status: 503, error: "answered 503" },
                  { at: "2026-01-15T12:01:00.050Z", durationMs: 12, status: 503, error: "answered 503" },
                ],
              },
            ],
          },
        },
      },
    ]);
  });

  test("says of an event that no target wanted that it is unmatched", async () => {
    queue.setRouting(() => [], []);
    await receive();
    expect(lines).toMatchObject([{ event: "event.finished", fields: { outcome: "unmatched", attempts: 0 } }]);
  });

  test("looks an event from before its start up and writes the line once it has ended", async () => {
    await eventLog.close();
    const eventId = await receive();
    eventLog = start();
    await settle("a", "done");
    await settle("b", "done");
    await eventLog.close();
    expect(lines).toMatchObject([
      {
        event: "event.finished",
        fields: { eventId, outcome: "delivered", steps: { stored: { durationMs: null } } },
      },
    ]);
  });

  test("writes a line of its own for a replay", async () => {
    const eventId = await receive();
    await settle("a", "done");
    await settle("b", "done");
    await queue.replay(eventId, ["a"]);
    await settle("a", "done");
    expect(lines.map((line) => line.event)).toEqual(["event.finished", "event.replayed"]);
    expect(lines[1]).toMatchObject({
      fields: { eventId, steps: { deliveries: [{ target: "a", replay: 1 }] } },
    });
  });

  test("writes nothing and looks nothing up while nobody would see it, or once the event is removed", async () => {
    const id = await receive();
    await queue.remove(id);
    isOn = false;
    await receive();
    await settle("a", "done");
    await settle("b", "done");
    await eventLog.close();
    expect(lines).toEqual([]);
  });

  test("reports a failed look-up", async () => {
    isOn = false;
    await receive();
    isOn = true;
    queue.get = () => Promise.reject(new Error("gone"));
    await settle("a", "done");
    await eventLog.close();
    expect(lines).toMatchObject([{ event: "event-log.failed", fields: { error: "gone" } }]);
  });
});
