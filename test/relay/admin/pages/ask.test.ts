import { afterEach, beforeEach, expect, test } from "vitest";
import { UpstreamError } from "../../../../lib/errors.ts";
import { createAdminFixture, type AdminFixture } from "../../../helpers/admin.ts";

let fixture: AdminFixture;
beforeEach(() => {
  fixture = createAdminFixture();
});
afterEach(() => fixture.close());

/** The page without what a browser keeps out of sight until it is asked for. */
function withoutQuestions(html: string): string {
  return html.replace(/<div popover[\s\S]*?<\/form>\s*<\/div>/g, "");
}

/** Ids of the questions of a page, and those that a button opens. */
function questions(html: string): readonly [ids: string[], opened: Set<string>] {
  const ids = [...html.matchAll(/<div popover id="([^"]+)"/g)].map(([, id]) => id!);
  return [ids, new Set([...html.matchAll(/popovertarget="([^"]+)"/g)].map(([, id]) => id!))];
}

test("ask() stands before every action of every page", async () => {
  const id = await fixture.add({}, "{}", ["ci-bot", "audit", "gone"]);
  await fixture.settle("audit", "dead");
  await fixture.settle("gone", "dead");
  await fixture.queue.setPaused("ci-bot", true);
  let found = 0;
  for (const path of ["/", "/targets", "/targets/audit", "/dead", `/events/${id}`, "/events"]) {
    const page = await (await fixture.api(path)).text();
    const forms = [...withoutQuestions(page).matchAll(/<form method="post" action="([^"]+)"/g)];
    expect([path, forms.map(([, action]) => action)]).toEqual([path, ["/logout"]]);
    const [ids, opened] = questions(page);
    expect(new Set(ids)).toEqual(opened);
    expect(new Set(ids).size).toBe(ids.length);
    found += ids.length;
  }
  // Two targets on two pages and one on its own; the dead letters of all and of two; three for the event.
  expect(found).toBeGreaterThanOrEqual(10);
});

test("a person who may not act is not asked", async () => {
  fixture.close();
  fixture = createAdminFixture({
    settings: {
      server: { trustedProxies: ["10.0.0.1"] },
      admin: { token: "the-admin-token-of-the-test", roles: { others: "viewer" }, proxy: {} },
    },
  });
  const id = await fixture.add({}, "{}", ["audit"]);
  await fixture.settle("audit", "dead");
  for (const path of ["/", "/targets", "/dead", `/events/${id}`]) {
    const response = await fixture.raw(path, { headers: { "X-Forwarded-User": "vera" }, from: "10.0.0.1" });
    expect([path, response.status]).toEqual([path, 200]);
    expect(await response.text()).not.toContain("popover");
  }
});

test("every error has the way to the sections and says what to do", async () => {
  const id = await fixture.add();
  const missing = await fixture.admin.missingPage({
    header() {},
    html: (content: unknown, status: number) => new Response(String(content), { status }),
  } as never);
  const post = (path: string, body: string) =>
    fixture.raw(path, {
      method: "POST",
      body,
      headers: {
        Authorization: `Bearer ${fixture.config.admin.token}`,
        "Content-Type": "application/x-www-form-urlencoded",
      },
    });
  const refused = await post("/events/replay", "");
  const large = await post(`/events/${id}/replay`, `back=${"x".repeat(70_000)}`);
  const gone = await fixture.api("/events/00000000000000000000000000");
  const noTarget = await post("/targets/nowhere/pause", "");
  fixture.queue.stats = () =>
    Promise.reject(new UpstreamError("storage", "out of reach", { retryable: true }));
  const away = await fixture.api("/dead");
  fixture.queue.stats = () => Promise.reject(new TypeError("a bug of ours"));
  const bug = await fixture.api("/dead");
  const pages = { missing, refused, large, gone, noTarget, away, bug };
  const statuses = Object.values(pages).map(({ status }) => status);
  expect(statuses).toEqual([404, 400, 413, 404, 404, 503, 500]);
  for (const [name, response] of Object.entries(pages)) {
    const html = await response.text();
    expect([name, /<nav aria-label="Sections">/.test(html)]).toEqual([name, true]);
    expect([name, /<main[\s\S]*(Go back|Load the page again|tries again|href="\/)/.test(html)]).toEqual([
      name,
      true,
    ]);
    expect(html).not.toContain("a bug of ours");
  }
  expect(fixture.lines.find(({ event }) => event === "request.failed")?.fields).toMatchObject({
    path: "/dead",
    error: "a bug of ours",
  });
});
