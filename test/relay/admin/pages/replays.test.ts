import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { replayPage, replaysPage } from "../../../../relay/admin/pages/replays.ts";
import type { ReplayJob } from "../../../../relay/queue/replay-job.ts";
import { createAdminFixture, type AdminFixture } from "../../../helpers/admin.ts";

let relay: AdminFixture;

const text = async (path: string): Promise<string> => {
  const page = await (await relay.api(path)).text();
  return page
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ")
    .replace(/ ([.,])/g, "$1");
};
const submit = (path: string, fields: Readonly<Record<string, string>> = {}): Promise<Response> =>
  relay.api(path, {
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(fields).toString(),
  });
const newest = async (): Promise<ReplayJob> => (await relay.queue.replayJobs.list())[0] as ReplayJob;

beforeEach(async () => {
  relay = createAdminFixture();
  for (let n = 0; n < 3; n++) await relay.add({ projectPath: "acme/shop" }, "{}", ["ci-bot", "audit"]);
  for (let n = 0; n < 2; n++) await relay.settle("ci-bot", "dead");
  await relay.settle("audit", "dead");
});
afterEach(() => relay.close());

describe("the question before a replay", () => {
  test("names events, targets and deliveries before the click", async () => {
    const page = await text("/events/replay?project=acme/shop&target=ci-bot");
    expect(page).toContain("2 dead letters of 2 events will be replayed to ci-bot.");
    expect(page).toContain("ci-bot: 3 events, whatever became of them");
    const both = await text("/events/replay?project=acme/shop&state=dead,waiting");
    expect(both).toContain(
      "6 deliveries (dead letter, waiting) of 3 events will be replayed to audit, ci-bot.",
    );
  });

  test("says that none has failed, and that no event matches", async () => {
    const unmatched = "None of them has a delivery to repeat: choose the target that should get them.";
    await relay.add({ kind: "note" });
    expect(await text("/events/replay?state=unmatched")).toContain(unmatched);
    const none = "None of them is a dead letter: choose the target that should get them.";
    expect(await text("/events/replay?kind=note")).toContain(none);
    const unknown = await relay.api("/events/replay?target=gone");
    expect([unknown.status, unknown.headers.get("location")]).toEqual([303, "/events?target=gone"]);
    expect(await text("/events?target=gone")).toContain("there is no target &quot;gone&quot;");
  });

  test("leads back to the list as it was, with a notice that links the job", async () => {
    const list = "/events?project=acme%2Fshop&range=1h";
    expect(await (await relay.api(`/events/replay?project=acme/shop&range=1h`)).text()).toContain(
      'name="back" value="/events?project=acme%2Fshop&amp;range=1h"',
    );
    const answer = await submit("/events/replay", { project: "acme/shop", back: list, rate: "7" });
    const { plan } = await newest();
    expect(plan).toMatchObject({ ratePerSecond: 7, targets: null, createdBy: "token" });
    const location = `${list}&notice=queued&n=3&job=${plan.id}`;
    expect([answer.status, answer.headers.get("location")]).toEqual([303, location]);
    expect(await text(location)).toContain("3 deliveries are queued for replay. Follow the replay job");
    expect(await (await relay.api(location)).text()).toContain(`<a href="/replays/${plan.id}">`);
  });

  test("starts no job if nothing fits, and says so", async () => {
    const answer = await submit("/events/replay", { kind: "release", back: "/events?kind=release" });
    const location = "/events?kind=release&notice=queued&n=0";
    expect([answer.status, answer.headers.get("location")]).toEqual([303, location]);
    expect(await text(location)).toContain("No delivery fits, so nothing is replayed.");
    expect(await relay.queue.replayJobs.list()).toEqual([]);
  });

  test("goes to a chosen target, and nowhere else than to this relay", async () => {
    const answer = await submit("/events/replay", {
      kind: "push",
      replayTo: "audit",
      back: "//evil.example",
    });
    expect(answer.headers.get("location")).toMatch(/^\/\?notice=queued/);
    expect((await newest()).plan).toMatchObject({ targets: ["audit"], expected: { deliveries: 3 } });
  });

  test.each(["0", "1.5", "many"])("refuses the rate %s", async (rate) => {
    expect((await submit("/events/replay", { kind: "push", rate })).status).toBe(400);
    expect(await relay.queue.replayJobs.list()).toEqual([]);
  });

  test("says why there is no further job", async () => {
    for (let n = 0; n < 20; n++) await submit("/dead/replay");
    const answer = await submit("/dead/replay");
    expect([answer.status, await answer.text()]).toEqual([
      409,
      expect.stringContaining("20 replay jobs are running or paused"),
    ]);
  });
});

describe("the pages of replay jobs", () => {
  test("list them, the newest first", async () => {
    expect(await text("/replays")).toContain("None. Filter the list of events");
    await submit("/dead/replay", { target: "audit" });
    await relay.clock.advance(1000);
    await submit("/events/replay", { kind: "push,note" });
    const page = await text("/replays");
    expect(page).toContain("1 event to audit: 1 delivery");
    expect(page.indexOf("Filter: kind: push,note")).toBeLessThan(
      page.indexOf("Filter: state: dead; target: audit"),
    );
  });

  test("show how far one is, and pause, resume and cancel it", async () => {
    await submit("/events/replay", { kind: "push" });
    const { plan } = await newest();
    const at = `/replays/${plan.id}`;
    const page = await text(at);
    expect(page).toContain("2 events to audit, ci-bot: 3 deliveries.");
    expect(page).toContain("Not queued yet 3");
    expect(page).toMatch(/running .* Pause… .* Cancel the rest…/);
    expect((await submit(`${at}/pause`)).headers.get("location")).toBe(at);
    expect(await text(at)).toMatch(/paused .* Resume…/);
    await submit(`${at}/resume`);
    expect((await newest()).state).toBe("running");
    await submit(`${at}/cancel`);
    expect(await text(at)).toContain("Cancelled before their turn 3");
    expect(await text(at)).not.toMatch(/Pause…|Resume…|Cancel the rest…/);
    const again = await submit(`${at}/resume`);
    expect([again.status, await again.text()]).toEqual([409, expect.stringContaining("it is cancelled")]);
    expect(await (await relay.api(at)).text()).toContain('href="/events?kind=push"');
  });

  test("say how many of an ended job failed again, and do not show it as good", async () => {
    await submit("/dead/replay", { target: "audit" });
    const job = await newest();
    const ended = (delivered: number, failed: number): ReplayJob => ({
      ...job,
      state: "done",
      parts: [{ ...job.parts[0]!, isScanned: true, queued: 1, delivered, failed }],
    });
    const pills = async (one: ReplayJob): Promise<string[]> => {
      const pages = [await replaysPage([one]), await replayPage({ job: one, mayAct: false, csrf: "" })];
      return pages.map((page) => /<span class="pill [^<]*<\/span>/.exec(page.toString())![0]);
    };
    const good = '<span class="pill done">done</span>';
    expect(await pills(ended(1, 0))).toEqual([good, good]);
    const bad = '<span class="pill dead">done, 1 failed again</span>';
    expect(await pills(ended(0, 1))).toEqual([bad, bad]);
  });

  test("show a filter as text", async () => {
    await relay.add({ title: "<img src=x>" });
    await submit("/events/replay", { q: "<img src=x>", replayTo: "audit" });
    const page = await (await relay.api(`/replays/${(await newest()).plan.id}`)).text();
    expect(page).toContain("Filter: q: &lt;img src=x&gt;");
    expect(page).not.toContain("<img");
  });

  test("say that a job is not there", async () => {
    expect((await relay.api("/replays/gone")).status).toBe(404);
    expect(await text("/replays/gone")).toContain("There is no such replay job");
    expect((await submit("/replays/gone/pause")).headers.get("location")).toBe("/replays");
  });
});
