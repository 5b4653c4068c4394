import { afterEach, expect, test } from "vitest";
import { createAdminFixture, type AdminFixture } from "../../../helpers/admin.ts";

const open: AdminFixture[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});
function fixture(): AdminFixture {
  const made = createAdminFixture();
  open.push(made);
  return made;
}

test("audit: a change is written with who asked, what for and how it was answered", async () => {
  const f = fixture();
  const id = await f.add({}, "{}", ["ci-bot"]);
  const body = JSON.stringify({ targets: ["audit"] });
  await f.api(`/api/v1/events/${id}/replay`, { method: "POST", body });
  await f.api("/api/v1/targets/nothing/pause", { method: "POST" });
  expect(f.audit.entries).toEqual([
    expect.objectContaining({
      person: "token",
      role: "admin",
      action: "POST /api/v1/events/:id/replay",
      subject: id,
      details: body,
      status: 200,
    }),
    expect.objectContaining({ action: "POST /api/v1/targets/:name/pause", subject: "nothing", status: 404 }),
  ]);
  expect(f.lines).toContainEqual({
    event: "admin.change",
    fields: expect.objectContaining({ person: "token", subject: id }),
  });
});

test("audit: nothing is written for what is only read, nor for what was not permitted", async () => {
  const f = fixture();
  await f.api("/api/v1/events");
  await f.raw("/api/v1/targets/ci-bot/pause", { method: "POST" });
  expect(f.audit.entries).toEqual([]);
});

test("audit: a change that cannot be written down is not made", async () => {
  const f = fixture();
  f.audit.failing = true;
  expect((await f.api("/api/v1/targets/ci-bot/pause", { method: "POST" })).status).toBe(503);
  expect((await f.queue.stats()).targets.get("ci-bot")?.paused ?? false).toBe(false);
});

test("audit: pages show it whole, and on the page of each event; the API gives pages and a file", async () => {
  const f = fixture();
  const [first, second] = [await f.add(), await f.add()];
  for (const id of [first, second])
    await f.api(`/api/v1/events/${id}/replay`, { method: "POST", body: '{"targets":["audit"]}' });
  const page = await (await f.api("/audit")).text();
  expect(page).toContain("replayed an event");
  expect(page).toContain(second);
  expect(await (await f.api(`/events/${first}`)).text()).toContain("replayed an event");
  await f.api("/api/v1/targets/nope/pause", { method: "POST" });
  await f.api("/api/v1/replays", { method: "POST", body: '{"all":true,"dryRun":true}' });
  await f.api("/api/v1/replays", { method: "POST", body: '{"kind":"release"}' });
  const again = await (await f.api("/audit")).text();
  expect(again).toContain("could not pause a target");
  expect(again).toContain("counted what a replay would deliver");
  expect(again).not.toMatch(/>paused a target|started a replay job/);
  f.audit.entries.splice(2);
  for (const path of ["/audit?cursor=bad", "/api/v1/audit?cursor=bad"]) {
    const refused = await f.api(path);
    expect([refused.status, await refused.text()]).toEqual([
      400,
      expect.stringContaining("cursor must be the one that an earlier page gave"),
    ]);
  }
  const { entries, cursor } = (await (await f.api("/api/v1/audit?limit=1")).json()) as {
    entries: { subject: string }[];
    cursor: string;
  };
  expect(entries.map(({ subject }) => subject)).toEqual([second]);
  const next = (await (await f.api(`/api/v1/audit?limit=1&cursor=${cursor}`)).json()) as {
    entries: { subject: string }[];
  };
  expect(next.entries.map(({ subject }) => subject)).toEqual([first]);
  const lines = (await (await f.api("/api/v1/audit/export")).text()).trim().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as { subject: string }).subject)).toEqual([second, first]);
  expect((await f.api("/api/v1/audit?subjekt=1")).status).toBe(400);
});
