import { afterEach, beforeEach, expect, test } from "vitest";
import type { Attempt } from "../../../../relay/queue/delivery-state.ts";
import { exchangeOf } from "../../../../relay/queue/exchange.ts";
import { createAdminFixture, type AdminFixture } from "../../../helpers/admin.ts";

let fixture: AdminFixture;
beforeEach(() => {
  fixture = createAdminFixture();
});
afterEach(() => fixture.close());

const headers = [
  ["x-gitlab-event", "Push Hook"],
  ["x-note", "glpat-abcdefghijklmnopqrst"],
] as const;

/** An event with one attempt that was refused. */
async function refused(exchange: Attempt["exchange"] | null): Promise<string> {
  const id = await fixture.add({ headers }, "{}", ["audit"]);
  const [claim] = await fixture.queue.claim("audit", { first: 1, retry: 0 });
  const attempt: Attempt = {
    at: fixture.clock.now(),
    durationMs: 7,
    status: 422,
    error: "answered 422",
    excerpt: "no",
    ...(exchange === null ? {} : { exchange: exchange as NonNullable<Attempt["exchange"]> }),
  };
  await claim!.settle({ outcome: "dead", at: fixture.clock.now(), attempt, reason: "answered 422" });
  return id;
}

const sent = {
  method: "POST",
  url: "https://audit.example.com/hooks",
  headers: { "x-gitlab-event": "Push Hook", "x-note": "glpat-abcdefghijklmnopqrst", "x-key": "k" },
  hidden: new Set(["x-key"]),
};
const answer = { "x-request-id": "<b>r-1</b>", "x-more": "y".repeat(300) };

test("GET events/:id tells what each attempt sent and what came back, masked", async () => {
  const id = await refused(exchangeOf(sent, answer, { headers }));
  const event = (await (await fixture.api(`/api/v1/events/${id}`)).json()) as {
    deliveries: { lastAttempt: object; history: { exchange: unknown }[] }[];
    timeline: object[];
  };
  expect(event.deliveries[0]!.history[0]!.exchange).toEqual({
    request: {
      method: "POST",
      url: "https://audit.example.com/hooks",
      headers: [
        ["x-gitlab-event", "Push Hook"],
        ["x-note", "***"],
        ["x-key", "***"],
      ],
      omittedHeaders: 0,
    },
    response: {
      status: 422,
      headers: [
        ["x-request-id", "<b>r-1</b>"],
        ["x-more", `${"y".repeat(256)}…`],
      ],
      omittedHeaders: 0,
    },
  });
  expect(event.timeline.some((step) => "exchange" in step)).toBe(false);
  expect(event.deliveries[0]!.lastAttempt).not.toHaveProperty("exchange");
});

test("GET events/:id says null for an attempt of which nothing is kept", async () => {
  const id = await refused(null);
  const event = (await (await fixture.api(`/api/v1/events/${id}`)).json()) as {
    deliveries: { history: { exchange: unknown }[] }[];
  };
  expect(event.deliveries[0]!.history[0]!.exchange).toBeNull();
});

test("the page of an event shows request and answer of an attempt, as text", async () => {
  const page = await (
    await fixture.api(`/events/${await refused(exchangeOf(sent, answer, { headers }))}`)
  ).text();
  expect(page).toContain("POST https://audit.example.com/hooks");
  expect(page).toContain("HTTP 422");
  expect(page).toContain("&lt;b&gt;r-1");
  expect(page).not.toMatch(/<b>r-1|glpat-/);
});

test("the page of an event says that no answer came", async () => {
  const page = await (
    await fixture.api(`/events/${await refused(exchangeOf(sent, null, { headers }))}`)
  ).text();
  expect(page).toContain("No answer came.");
});
