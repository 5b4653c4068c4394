/** What is read out of webhooks of every shape, without a relay around it: thousands of shapes in a second. */
import { expect, test } from "vitest";
import { namesOf } from "../../lib/events.ts";
import type { Json } from "../../lib/json.ts";
import { sentence } from "../../relay/event/sentence.ts";
import { decodeMeta, encodeEvent, withId } from "../../relay/event/event.ts";
import { newEvent } from "../../relay/ingest/event.ts";
import { parseFacts } from "../../relay/ingest/payload.ts";
import { addFacts, decodePage, emptyPage, encodePage, factsIn } from "../../relay/storage/fact-sheet.ts";
import { factsOf } from "../../relay/observe/activity/facts.ts";
import { everythingOf, report } from "../../relay/observe/activity/report.ts";
import { compileRules } from "../../relay/routing/rules.ts";
import { cloudEventAttributes } from "../../relay/targets/http/cloud-event.ts";
import { eventMeta } from "../helpers/events.ts";
import { webhook, type Webhook } from "./payloads.ts";
import { fc } from "../helpers/properties.ts";

const RUNS = Number(process.env["FUZZ_RUNS"] ?? 1000);
const RECEIVED_AT = Date.UTC(2026, 0, 15, 12);
const DAY = "2026-01-15";

function received({ headers, body }: Webhook, parsed = JSON.parse(body) as Json) {
  const event = newEvent({
    headers,
    body: Buffer.from(body),
    parsed,
    instance: null,
    pairSystemHooks: false,
    hookKey: null,
    receivedAt: RECEIVED_AT,
    verifiedBy: ["token"],
    verifiedMs: 1,
  });
  return { parsed, event, meta: withId(event.meta, eventMeta().id) };
}

const check = (property: (sent: Webhook) => void): void =>
  fc.assert(fc.property(webhook, property), { numRuns: RUNS });

test("metadata is the same without the long lists of a payload", () => {
  check((sent) => {
    const facts = parseFacts(Buffer.from(sent.body)) as Json;
    expect(received(sent, facts).meta).toEqual(received(sent).meta);
  });
});

test("metadata is the same after it was stored", () => {
  check((sent) => {
    const { meta, event } = received(sent);
    expect(decodeMeta(Buffer.concat(encodeEvent({ meta, body: event.body })))).toEqual(
      JSON.parse(JSON.stringify(meta)),
    );
  });
});

test("the words of a list are one line, and the words of the event's page name the same thing", () => {
  check((sent) => {
    const { meta, parsed } = received(sent);
    const list = sentence(meta, null);
    const page = sentence(meta, parsed);
    for (const words of [list, page]) {
      expect(words.length).toBeLessThan(1100);
      expect(words).not.toMatch(/undefined|\[object|function|NaN/);
    }
    expect(/deleted the (?:tag|branch)/.test(list)).toBe(/deleted the (?:tag|branch)/.test(page));
    expect(/[!#&]\d+/.exec(list)?.[0]).toBe(/[!#&]\d+/.exec(page)?.[0]);
  });
});

test("every event goes by the names that it says itself, and rules judge it", () => {
  const rules = compileRules(
    {
      events: ["push", "issue"],
      branches: ["main"],
      actions: ["open"],
      labels: ["bug"],
      projects: ["acme/**"],
    },
    () => {},
  );
  check((sent) => {
    const { meta, parsed } = received(sent);
    const names = namesOf(meta);
    for (const name of [meta.kind, meta.eventName]) if (name !== null) expect(names).toContain(name);
    expect(typeof rules.passesMeta(meta)).toBe("boolean");
    expect(typeof rules.passesBody?.(meta, parsed)).toBe("boolean");
  });
});

test("every event has what CloudEvents requires", () => {
  check((sent) => {
    const { meta, parsed } = received(sent);
    const { id, source, type, time } = cloudEventAttributes(meta, parsed);
    expect([id !== "", source !== "", type.startsWith("com.gitlab.")]).toEqual([true, true, true]);
    expect(new Date(time).toISOString()).toBe(time);
  });
});

test("facts survive storage, and a report of them has no figure that is none", () => {
  check((sent) => {
    const { event, parsed } = received(sent);
    const found = factsOf(event.meta, parsed);
    const facts = found?.facts ?? [];
    const page = emptyPage();
    addFacts(page, facts, "event");
    addFacts(page, facts, "event");
    const read = decodePage(encodePage(page));
    expect([...factsIn(read)]).toHaveLength([...factsIn(page)].length);
    const entries = [{ day: DAY, project: found?.project ?? "", page: read }];
    const query = { ...everythingOf(DAY, DAY), members: {} };
    const { commits, files, hours } = report(entries, query).total;
    for (const figure of [commits, files.added, ...hours]) expect(figure).toBeGreaterThanOrEqual(0);
    expect(hours).toHaveLength(24);
  });
});
