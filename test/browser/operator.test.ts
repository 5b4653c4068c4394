/** The operator's pages in a real browser against a real relay. */
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { MORNING, mergeRequest, note, push } from "../helpers/payloads.ts";
import { axeProblems } from "./axe.ts";
import {
  ADMIN_TOKEN,
  CHROMIUM,
  hasChromium,
  launchChromium,
  openContext,
  openLine,
  openStage,
  type Stage,
} from "./stage.ts";

let stage: Stage;
let browser: Browser;
const contexts: BrowserContext[] = [];
const errors: string[][] = [];
/** What Chromium itself reports in this test, at a time of its own. */
let allowed: RegExp | null = null;

/** The cookie of somebody who has logged in. */
let session: Parameters<BrowserContext["addCookies"]>[0] = [];

/** A page of a fresh profile, logged in unless told otherwise. */
async function visit(path: string, options: BrowserContextOptions = {}, isLoggedIn = true): Promise<Page> {
  const opened = await openContext(browser, options);
  contexts.push(opened.context);
  errors.push(opened.errors);
  const page = await opened.context.newPage();
  if (isLoggedIn) await opened.context.addCookies(session);
  await page.goto(path.startsWith("http") ? path : stage.url + path);
  return page;
}

/** Makes the session of the pages that follow. */
async function logIn(): Promise<void> {
  const page = await visit("/login", {}, false);
  await page.getByLabel("Admin token").fill(ADMIN_TOKEN);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL(`${stage.url}/`);
  session = await page.context().cookies();
}

/** The rows of the list, as far as `text` is part of them. */
function rows(page: Page, text = "") {
  return page.locator("table.events tbody tr", { hasText: text });
}

/** Asks for an action, reads the question, and confirms. */
async function confirmed(place: Page | Locator, label: string, confirm: string): Promise<void> {
  await place
    .getByRole("button", { name: `${label}…` })
    .first()
    .click();
  await place.getByRole("dialog").getByRole("button", { name: confirm }).click();
}

async function isLive(page: Page): Promise<void> {
  await page.locator("button.live.on").waitFor();
}

describe.runIf(hasChromium)(`the operator's pages in ${CHROMIUM}`, () => {
  beforeAll(async () => {
    [stage, browser] = await Promise.all([openStage(), launchChromium()]);
    stage.auditAnswers = 400;
    const ids: string[] = [];
    for (const webhook of MORNING) ids.push(await stage.send(webhook));
    await stage.reaches(ids[2]!, "dead");
    stage.auditAnswers = 200;
    await logIn();
  });
  afterAll(async () => {
    await browser?.close();
    await stage?.close();
  });
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
    const expected = allowed;
    allowed = null;
    expect(
      errors
        .splice(0)
        .flat()
        .filter((text) => expected?.test(text) !== true),
    ).toEqual([]);
  });

  test("logging in: a wrong token is told, the right one leads to the page that was asked for, logging out ends it", async () => {
    allowed = /status of 401/;
    const page = await visit("/events?kind=note", {}, false);
    expect(new URL(page.url()).pathname).toBe("/login");
    await page.keyboard.type("wrong");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    expect(await page.getByRole("alert").textContent()).toBe("That is not the admin token.");
    await page.keyboard.type(ADMIN_TOKEN);
    await page.keyboard.press("Enter");
    await page.waitForURL(`${stage.url}/events?kind=note`);
    expect(await rows(page).count()).toBe(1);
    const [cookie] = await page.context().cookies();
    expect(cookie).toMatchObject({
      name: expect.stringMatching(/^relay_session_/),
      httpOnly: true,
      sameSite: "Strict",
    });
    await page.getByRole("button", { name: "Log out" }).click();
    await page.waitForURL(`${stage.url}/login`);
    await page.goto(`${stage.url}/events`);
    expect(new URL(page.url()).pathname).toBe("/login");
    // Logging out ended every session.
    await logIn();
  });

  test("an event arrives live, is filtered for, opened and replayed", async () => {
    const page = await visit("/events");
    await isLive(page);
    const before = await rows(page).count();
    const id = await stage.send(note("chen", "docs", 31, "Typo in the second paragraph"));
    await rows(page, "note create !31").first().waitFor();
    expect(await rows(page).count()).toBe(before + 1);
    expect(await rows(page).first().getAttribute("data-id")).toBe(id);
    await rows(page, "delivered")
      .and(page.locator(`[data-id="${id}"]`))
      .waitFor();

    await page.locator(".menu summary").first().click();
    await page.getByRole("checkbox", { name: /^note\b/ }).check();
    await page.getByRole("textbox", { name: "Project" }).fill("acme/docs");
    await page.getByRole("button", { name: "Filter" }).click();
    await page.waitForURL(`${stage.url}/events?project=acme/docs&kind=note`);
    expect(await rows(page).count()).toBe(1);
    await isLive(page);
    await stage.send(push("bob", "api", "main", ["Not a note"]));
    await stage.send(note("bob", "docs", 31, "Mended"));
    await page.mouse.move(0, 0);
    await rows(page, "bob").waitFor();
    expect(await rows(page).count()).toBe(2);

    await rows(page, "chen").getByRole("link").click();
    await page.waitForURL(`${stage.url}/events/${id}`);
    expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe(
      "chen commented on merge request !31 in acme/docs",
    );
    const steps = page.locator(".timeline li strong");
    expect(await steps.allTextContents()).toEqual([
      "received",
      "verified",
      "stored",
      "matched",
      "attempt 1",
      "delivered",
    ]);
    await isLive(page);
    await confirmed(page, "Replay to a target", "Replay to this target");
    await page.getByRole("status").filter({ hasText: "1 delivery is queued for replay." }).waitFor();
    await page.locator(".timeline li.ok", { hasText: "replay 1" }).filter({ hasText: "delivered" }).waitFor();
    expect(new URL(page.url()).search).toBe("");
  });

  test("a target is paused, its events wait, and go out when it is resumed", async () => {
    const page = await visit("/");
    await isLive(page);
    const row = page.locator("table.targets tr", { hasText: "ci-bot" });
    await confirmed(row, "Pause", "Pause ci-bot");
    await page.getByText("The target is paused").waitFor();
    await row.getByText("paused").waitFor();
    await isLive(page);
    const id = await stage.send(push("alice", "shop", "main", ["While it is paused"]));
    await row.getByRole("link", { name: "1", exact: true }).waitFor();
    expect((await stage.api(`events/${id}`))["state"]).toBe("waiting");
    await confirmed(row, "Resume", "Resume ci-bot");
    await page.getByText("The target is resumed").waitFor();
    await stage.reaches(id, "done");
    await row.getByText("ready").waitFor();
  });

  test("dead letters are grouped by reason and sent again", async () => {
    const page = await visit("/dead");
    const group = page.locator("section.panel", { hasText: "audit" });
    expect(await group.locator("tbody tr").count()).toBe(1);
    expect(await group.textContent()).toContain("400");
    await page.getByRole("button", { name: "Replay all…" }).click();
    await page
      .getByRole("dialog")
      .getByRole("button", { name: /^Replay \d+$/ })
      .click();
    await page.getByRole("status").filter({ hasText: "queued for replay" }).waitFor();
    await page.getByText("None. A delivery becomes a dead letter").waitFor();
    expect((await stage.api("events?state=dead"))["events"]).toEqual([]);
  });

  test("a set of events is replayed after its number was shown", async () => {
    const page = await visit("/events?kind=pipeline&project=acme%2Fshop");
    await page.getByRole("link", { name: "Replay these…" }).click();
    expect((await page.locator("#preview").textContent())?.replace(/\s+/g, " ").trim()).toBe(
      "None of them is a dead letter: choose the target that should get them.",
    );
    await page.locator("select[name=replayTo]").selectOption({ index: 1 });
    await page.getByRole("button", { name: "Replay", exact: true }).click();
    await page.getByText("2 deliveries are queued for replay.").waitFor();
    expect(new URL(page.url()).searchParams.get("kind")).toBe("pipeline");
    await page.getByRole("link", { name: "Follow the replay job" }).click();
    await page.locator("#replay .pill", { hasText: "done" }).waitFor();
    expect((await page.locator("#replay dd").first().textContent())?.trim()).toBe("2");
    expect(await axeProblems(page, "all")).toEqual([]);
  });

  test("everything can be done with the keyboard alone", async () => {
    const page = await visit("/", {}, false);
    await page.keyboard.type(ADMIN_TOKEN);
    await page.keyboard.press("Enter");
    await page.waitForURL(`${stage.url}/`);
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to content");
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    await page.keyboard.press("g");
    await page.keyboard.press("e");
    await page.waitForURL(`${stage.url}/events`);
    await page.keyboard.press("/");
    await page.keyboard.type("acme/platform");
    await page.keyboard.press("Enter");
    await page.waitForURL(/q=acme/);
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.keyboard.press("k");
    const first = await rows(page).first().getAttribute("data-id");
    expect(await page.evaluate("document.activeElement.closest('tr').dataset.id")).toBe(first);
    await page.keyboard.press("Enter");
    await page.waitForURL(`${stage.url}/events/${first}`);
    const replay = page.getByRole("button", { name: "Replay to a target…" });
    while (!(await replay.evaluate((button) => button === button.ownerDocument.activeElement)))
      await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    await page.keyboard.press("Enter");
    // The button that confirms has the focus.
    await page.keyboard.press("Enter");
    await page.getByText("1 delivery is queued for replay.").waitFor();
    await page.keyboard.press("u");
    await page.waitForURL(`${stage.url}/events`);
    await page.keyboard.press("l");
    await page.locator("button.live.off").waitFor();
    await page.keyboard.press("l");
    await isLive(page);
  });

  test("the focus stays on its row while rows arrive", async () => {
    const page = await visit("/events");
    await isLive(page);
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    const focused = "document.activeElement.closest('tr')?.dataset.id";
    const before = await page.evaluate(focused);
    expect(before).toMatch(/^[0-9a-z]{26}$/);
    const id = await stage.send(push("bob", "shop", "fix/focus", ["One"]));
    await page.locator(`tr[data-id="${id}"]`).waitFor();
    expect(await page.evaluate(focused)).toBe(before);
  });

  test("what happened while the connection was lost is there when it is back", async () => {
    allowed = /ERR_|Failed to fetch|network/;
    const line = await openLine(new URL(stage.url).port);
    const page = await visit(`${line.url}/events`);
    await isLive(page);
    line.cut();
    await page.locator("button.live.lost").waitFor();
    const id = await stage.send(push("bob", "shop", "fix/offline", ["One"]));
    line.mend();
    await page.locator(`tr[data-id="${id}"]`).waitFor();
    await isLive(page);
    await page.goto("about:blank");
    await line.close();
  });

  test("a link from another site finds the session", async () => {
    const page = await visit("/");
    await page.goto(stage.linkFromElsewhere("/events?kind=push"));
    await page.getByRole("link", { name: "look" }).click();
    await page.waitForURL(`${stage.url}/events?kind=push`);
    await page.getByRole("heading", { name: "Events" }).waitFor();
  });

  test("an event is copied as a curl command without its secret", async () => {
    const { events } = (await stage.api("events?kind=issue")) as { events: { id: string }[] };
    const page = await visit(`/events/${events[0]!.id}`, {
      permissions: ["clipboard-read", "clipboard-write"],
    });
    await page.getByRole("button", { name: "Copy as curl" }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    const copied = await page.evaluate<string>("navigator.clipboard.readText()");
    expect(copied).toContain("curl -X POST");
    expect(copied).toContain("$GITLAB_WEBHOOK_SECRET");
    expect(copied).not.toContain("stage-webhook-secret");
  });

  test("the pages can be read, and targets paused, without JavaScript", async () => {
    const page = await visit("/", { javaScriptEnabled: false });
    for (const path of ["/events", "/dead", "/activity", "/targets"]) {
      await page.goto(stage.url + path);
      expect(await page.getByRole("heading", { level: 1 }).isVisible()).toBe(true);
    }
    await confirmed(page.locator("#ci-bot"), "Pause", "Pause ci-bot");
    await page.locator("#ci-bot .pill.paused").waitFor();
    await confirmed(page.locator("#ci-bot"), "Resume", "Resume ci-bot");
    await page.locator("#ci-bot .pill.done").waitFor();
  });

  test.each(["light", "dark"] as const)(
    "axe finds nothing wrong with any page, wide or narrow, %s",
    async (colorScheme) => {
      allowed = /status of 404/; // "/events/gone"
      stage.auditAnswers = 410;
      const dead = await stage.send(mergeRequest("alice", "shop", 18, "Cart on the phone", "open"));
      await stage.reaches(dead, "dead");
      stage.auditAnswers = 200;
      const page = await visit("/", { colorScheme });
      const paths = [
        "/",
        "/events",
        "/events?kind=wiki_page",
        "/events?from=never",
        `/events/${dead}`,
        "/events/gone",
        "/events/replay?kind=push",
        "/replays",
        "/dead",
        "/targets",
        "/targets/audit",
        "/audit",
        "/activity",
      ];
      const sizes = [
        [1200, 800],
        [375, 760],
      ] as const;
      for (const [width, height] of colorScheme === "light" ? sizes : sizes.slice(0, 1)) {
        await page.setViewportSize({ width, height });
        for (const path of width === 375 ? paths.filter((one) => !one.includes("?")) : paths) {
          await page.goto(stage.url + path);
          await page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))");
          await page.evaluate("document.querySelector('.ask')?.showPopover()");
          expect(
            await axeProblems(page, colorScheme === "light" ? "all" : "colours"),
            `${path} at ${width} px, ${colorScheme}`,
          ).toEqual([]);
          const wide = await page.evaluate<number>("document.documentElement.scrollWidth");
          expect(wide, `${path} is as wide as the screen`).toBeLessThanOrEqual(width);
        }
      }
      await page.goto(`${stage.url}/`);
      await page.keyboard.press("?");
      expect(await axeProblems(page)).toEqual([]);
      await page.context().clearCookies();
      await page.goto(`${stage.url}/login`);
      expect(await axeProblems(page)).toEqual([]);
    },
  );
});
