/**
 * What an operator comes for, on the scene of an incident, each with the clicks that it may take. `npm run test:operator` does the same on
 * 120,000 events; with SCREENSHOTS=1 the pictures of docs/images are made anew.
 */
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { mergeRequest, push } from "../helpers/payloads.ts";
import { eventually } from "../helpers/eventually.ts";
import { COUNT, MIDDLE, openScene, SCENE_TOKEN, uuidOf, type Scene } from "./scene.ts";
import { axeProblems } from "./axe.ts";
import { CHROMIUM, hasChromium, launchChromium, openContext } from "./stage.ts";

const IMAGES = fileURLToPath(new URL("../../docs/images/", import.meta.url));
const wantsImages = process.env["SCREENSHOTS"] === "1";

let scene: Scene;
let browser: Browser;
let session: Parameters<BrowserContext["addCookies"]>[0] = [];
const contexts: BrowserContext[] = [];

/** An operator at a page: counts the clicks. */
class Operator {
  readonly page: Page;
  clicks = 0;

  constructor(page: Page) {
    this.page = page;
  }

  async click(what: Locator): Promise<void> {
    this.clicks += 1;
    await what.click();
  }

  button(name: string | RegExp): Locator {
    return this.page.getByRole("button", { name });
  }

  rows(text = ""): Locator {
    return this.page.locator("table.events tbody tr", { hasText: text });
  }

  /** Typing and choosing are no clicks. */
  async filter(fields: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, value] of Object.entries(fields)) {
      const field = this.page.locator(`form.filters [name=${name}]`).first();
      if ((await field.evaluate((one) => one.tagName)) === "SELECT") await field.selectOption(value);
      else await field.fill(value);
    }
  }
}

async function operatorAt(path: string, options: BrowserContextOptions = {}): Promise<Operator> {
  const { context } = await openContext(browser, { viewport: { width: 1280, height: 800 }, ...options });
  contexts.push(context);
  await context.addCookies(session);
  const page = await context.newPage();
  await page.goto(scene.url + path);
  return new Operator(page);
}

async function picture({ page }: Operator, name: string): Promise<void> {
  if (!wantsImages) return;
  mkdirSync(IMAGES, { recursive: true });
  await page.screenshot({ path: `${IMAGES}${name}.png` });
}

describe.runIf(hasChromium)(
  `an operator's tasks on ${COUNT} events in ${CHROMIUM}`,
  { timeout: 180_000 },
  () => {
    beforeAll(async () => {
      [scene, browser] = await Promise.all([openScene(), launchChromium()]);
      await eventually(async () => {
        const { items } = (await scene.api("attention")) as { items: { kind: string }[] };
        return items.some(({ kind }) => kind === "target-failing");
      });
    }, 180_000);
    afterAll(async () => {
      await browser?.close();
      await scene?.close();
    });
    afterEach(async () => {
      for (const context of contexts.splice(0)) await context.close();
    });

    test("1 click: logging in from a link leads to the page that was sent", async () => {
      const operator = await operatorAt("/events?kind=note");
      await operator.page.getByLabel("Admin token").fill(SCENE_TOKEN);
      await operator.click(operator.button("Log in"));
      await operator.page.waitForURL(`${scene.url}/events?kind=note`);
      session = await operator.page.context().cookies();
      expect(operator.clicks).toBe(1);
    });

    test("0 clicks: the overview says what needs a person, what was missed, and how much goes in and out", async () => {
      const { page } = await operatorAt("/");
      const lead = page.locator("#lead");
      const [top, ...others] = await lead.locator("h1, li").allInnerTexts();
      expect(top).toMatch(/was away from/);
      expect(others.join("\n")).toMatch(/search-index is failing/);
      const figures = await page.locator(".tile strong").allInnerTexts();
      expect(figures).toEqual([0, 1, 2, 3].map(() => expect.stringMatching(/^\d/)));
      // An hour with its values on hovering.
      expect(await page.locator(".tile .spark").first().locator("title").count()).toBe(60);
    });

    test("0 clicks: why a target fails is beside it; 1 click: on its own page and at each waiting event", async () => {
      const operator = await operatorAt("/");
      const row = operator.page.locator("#search-index");
      expect(await row.innerText()).toMatch(/breaker open[\s\S]*ECONNREFUSED/);
      await operator.click(row.getByRole("link", { name: "search-index" }));
      await operator.page.getByRole("heading", { name: "search-index" }).waitFor();
      expect(await operator.page.locator("#now").innerText()).toContain("ECONNREFUSED");
      expect(operator.clicks).toBe(1);
      const waiting = await operatorAt("/events?state=waiting&target=search-index");
      await waiting.click(waiting.rows().first().getByRole("link"));
      await waiting.page.locator(".timeline", { hasText: "the breaker is open until" }).waitFor();
      expect(waiting.clicks).toBe(1);
    });

    test("1 click: failed merge requests of one project within a day can be told apart", async () => {
      const operator = await operatorAt("/events?kind=merge_request");
      await operator.filter({ project: "acme/shop", status: "422", range: "24h" });
      await operator.click(operator.button("Filter"));
      await operator.page.waitForURL(/status=422/);
      const texts = await operator.rows().allInnerTexts();
      expect(texts.length).toBeGreaterThanOrEqual(20);
      for (const text of texts)
        expect(text).toMatch(/!4\d Keep the cart[\s\S]*acme\/shop[\s\S]*jira-sync 422/);
      expect(operator.clicks).toBe(1);
    });

    test("2 clicks: what was sent to a target and what came back", async () => {
      const operator = await operatorAt("/events?state=dead&target=jira-sync");
      await operator.click(operator.rows().first().getByRole("link"));
      await operator.click(operator.page.locator("details.exchange summary").first());
      const exchange = operator.page.locator("details.exchange[open]");
      expect(await exchange.innerText()).toMatch(
        /POST https:\/\/jira[\s\S]*authorization\s*\*\*\*[\s\S]*HTTP 422/,
      );
      expect(await operator.page.locator(".excerpt").first().innerText()).toContain(
        "is required by workflow PAY-7",
      );
      expect(operator.clicks).toBe(2);
      await picture(operator, "event");
    });

    test("0 clicks: an event is found by GitLab's delivery id, and by its own", async () => {
      const operator = await operatorAt("/events");
      await operator.page.keyboard.press("/");
      await operator.page.keyboard.type(uuidOf(MIDDLE));
      await operator.page.keyboard.press("Enter");
      await operator.page.waitForURL(/q=/);
      await operator.rows().first().waitFor();
      expect(await operator.rows().count()).toBe(1);
      const id = (await operator.rows().first().getAttribute("data-id"))!;
      const event = await scene.api(`events/${id}`);
      expect(event["deliveryId"]).toBe(uuidOf(MIDDLE));
      await operator.page.goto(`${scene.url}/events?q=${id}`);
      expect(await operator.rows().count()).toBe(1);
      expect(operator.clicks).toBe(0);
    });

    test("2 clicks: a target is paused after a question, and the overview does not forget it", async () => {
      const operator = await operatorAt("/");
      const row = operator.page.locator("#audit-log");
      await operator.click(row.getByRole("button", { name: "Pause…" }));
      const question = operator.page.getByRole("dialog");
      expect(await question.innerText()).toContain("will wait until you resume it");
      await operator.click(question.getByRole("button", { name: "Pause audit-log" }));
      await operator.page.getByRole("status").filter({ hasText: "paused" }).waitFor();
      await row.locator(".pill.paused").waitFor();
      expect(operator.clicks).toBe(2);
      const { items } = (await scene.api("attention")) as { items: { kind: string }[] };
      expect(items.map(({ kind }) => kind)).toContain("target-paused");
    });

    test("2 clicks: a set is replayed to the target that failed and to no other, and one is back in the list", async () => {
      const address = "/events?state=dead&target=jira-sync&project=acme%2Fdocs&q=%2148";
      const operator = await operatorAt(address);
      const others = ["ci-bot", "chat-notify"].map((name) => scene.received.get(name) ?? 0);
      const before = scene.received.get("jira-sync") ?? 0;
      await operator.click(operator.page.getByRole("link", { name: "Replay these…" }));
      const told = (await operator.page.locator("main").innerText()).replaceAll(",", "");
      const events = Number(/(\d+) events?/.exec(told)![1]);
      expect(told).toMatch(
        new RegExp(`${events} dead letters? of ${events} events? will be replayed to jira-sync`),
      );
      await operator.click(operator.button("Replay").first());
      await operator.page.waitForURL(/\/events\?/);
      expect(new URL(operator.page.url()).searchParams.get("target")).toBe("jira-sync");
      expect(operator.clicks).toBe(2);
      await eventually(() => scene.received.get("jira-sync") === before + events);
      expect(["ci-bot", "chat-notify"].map((name) => scene.received.get(name) ?? 0)).toEqual(others);
    });

    test("2 clicks: the first button of a dead letter replays to the target that failed", async () => {
      const operator = await operatorAt("/events?state=dead&target=jira-sync&kind=merge_request");
      await operator.page.goto(
        scene.url + (await operator.rows().nth(7).getByRole("link").getAttribute("href"))!,
      );
      await operator.click(operator.button("Replay to jira-sync…"));
      await operator.click(
        operator.page.getByRole("dialog").getByRole("button", { name: "Replay to jira-sync" }),
      );
      await operator.page
        .getByRole("status")
        .filter({ hasText: "1 delivery is queued for replay." })
        .waitFor();
      expect(operator.clicks).toBe(2);
    });

    test("0 clicks: webhooks that are refused come before dead letters", async () => {
      for (let count = 0; count < 5; count += 1)
        expect(await scene.send(push("alice", "shop", "main", ["x"]), "a rotated secret")).toBe(401);
      const { page } = await operatorAt("/");
      const lines = await page.locator("#lead :is(h1, li)").allInnerTexts();
      expect(lines[0]).toMatch(/refused/);
      expect(lines.findIndex((line) => line.includes("dead letters"))).not.toBe(0);
    });

    test("1 click: who pushes", async () => {
      const operator = await operatorAt("/");
      await operator.click(operator.page.getByRole("link", { name: "Activity" }));
      await operator.page.getByText("Alice Doe").first().waitFor();
      expect(operator.clicks).toBe(1);
      await picture(operator, "activity");
    });

    test("1 click: what came in while a row was looked at is shown; no row moves under the pointer before", async () => {
      const operator = await operatorAt("/events");
      await operator.page.locator("button.live.on").waitFor();
      const row = operator.rows().nth(3);
      await row.hover();
      const before = await row.getAttribute("data-id");
      expect(await scene.send(mergeRequest("bob", "shop", 77, "Arrives while one looks", "open"))).toBe(202);
      await operator.button(/^1 new$/).waitFor();
      expect(await row.getAttribute("data-id")).toBe(before);
      await operator.click(operator.button(/^1 new$/));
      await operator.rows("!77 Arrives while one looks").waitFor();
      expect(operator.clicks).toBe(1);
    });

    test("0 clicks: with the keyboard a target is paused and resumed", async () => {
      const { page } = await operatorAt("/targets/ci-bot");
      const press = async (name: string): Promise<void> => {
        await page.getByRole("button", { name }).focus();
        await page.keyboard.press("Enter");
        await page.getByRole("dialog").waitFor();
        await page.keyboard.press("Enter");
      };
      await press("Pause…");
      await page.locator(".pill.paused").waitFor();
      await press("Resume…");
      await page.locator(".pill.paused").waitFor({ state: "hidden" });
    });

    test("20 events fit a screen of 1280x800; from 1440 px a click shows the event beside the list, over the whole width", async () => {
      const { page } = await operatorAt("/events");
      const seen = await page.evaluate<number>(
        "[...document.querySelectorAll('table.events tbody tr')].filter((row) => row.getBoundingClientRect().bottom <= innerHeight).length",
      );
      expect(seen).toBeGreaterThanOrEqual(20);
      const wide = await operatorAt("/events?state=dead", { viewport: { width: 1920, height: 1080 } });
      const box = (await wide.page.locator("#list").boundingBox())!;
      expect(box.width).toBeGreaterThan(1840);
      await wide.click(wide.rows().nth(2).locator(".project"));
      await wide.page.locator("#preview .timeline").waitFor();
      expect(wide.clicks).toBe(1);
      await wide.click(wide.page.locator("#preview").getByRole("button", { name: "Replay to jira-sync…" }));
      await wide.page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
      expect(new URL(wide.page.url()).pathname).toBe("/events");
    });

    test.each([
      [375, 760, "light"],
      [1280, 800, "dark"],
      [1920, 1080, "light"],
    ] as const)(
      "no page scrolls sideways at %i x %i, %s, and axe finds nothing",
      async (width, height, colorScheme) => {
        const { page } = await operatorAt("/", { viewport: { width, height }, colorScheme });
        const [dead] = ((await scene.api("events?state=dead&limit=1")) as { events: { id: string }[] })
          .events;
        for (const path of [
          "/",
          "/events?state=dead",
          `/events/${dead!.id}`,
          "/dead",
          "/targets",
          "/targets/jira-sync",
          "/xyz",
        ]) {
          await page.goto(scene.url + path);
          const scrolls = await page.evaluate<number>("document.documentElement.scrollWidth");
          expect(scrolls, `${path} at ${width}`).toBeLessThanOrEqual(width);
          // test/browser/operator.test.ts looks at the narrow pages.
          if (width === 1280) expect(await axeProblems(page), path).toEqual([]);
        }
      },
    );

    test("pictures", async () => {
      const viewport = { width: 1280, height: 800 };
      await picture(await operatorAt("/", { viewport, colorScheme: "light" }), "overview");
      await picture(await operatorAt("/events", { viewport: { width: 375, height: 760 } }), "narrow");
    });

    test("0 clicks: a relay that is gone is told, with since when", async () => {
      const { page } = await operatorAt("/");
      await page.locator("button.live.on").waitFor();
      scene.relay.child.kill("SIGKILL");
      await page.getByRole("alert").filter({ hasText: "No contact with the relay since" }).waitFor();
      expect(await page.locator("#ready").innerText()).toBe("no contact");
    });
  },
);
