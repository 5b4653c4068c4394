import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startProvider, type TestProvider } from "../helpers/oidc-provider.ts";
import { killRelays, startRelayProcess } from "../helpers/relay-process.ts";
import { hasChromium, launchChromium, openContext } from "./stage.ts";
import { freePort } from "../helpers/free-port.ts";

const PEOPLE = {
  "1": { preferred_username: "vera", groups: ["acme/apps"] },
  "2": { preferred_username: "oskar", groups: ["acme/platform"] },
  "3": { preferred_username: "ada", groups: ["acme/leads"] },
};

describe.runIf(hasChromium)("signing in in a browser", () => {
  let folder: string;
  let provider: TestProvider;
  let browser: Browser;
  let url: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "relay-sign-in-"));
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    provider = await startProvider(PEOPLE, `${url}/login/callback`);
    const settings = {
      server: { port },
      queue: { fs: { base: join(folder, "data") } },
      targets: { audit: { type: "log" } },
      admin: {
        roles: { viewer: ["acme/apps"], operator: ["acme/platform"], admin: ["acme/leads"] },
        oidc: {
          issuer: provider.issuer,
          clientId: provider.clientId,
          clientSecret: provider.clientSecret,
          publicUrl: url,
        },
      },
    };
    // JSON is YAML.
    writeFileSync(join(folder, "relay.yaml"), JSON.stringify(settings));
    const relay = startRelayProcess({ PORT: String(port) }, ["--config", join(folder, "relay.yaml")]);
    await relay.line("relay.listening");
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await killRelays();
    await provider?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function signedIn(subject: string, path = "/"): Promise<Page> {
    provider.signsIn = subject;
    const page = await (await openContext(browser)).context.newPage();
    await page.goto(`${url}${path}`);
    await page.getByRole("link", { name: "Sign in with GitLab" }).click();
    return page;
  }

  test("a person comes back from the provider to the page they asked for, and is named there", async () => {
    const page = await signedIn("1", "/targets");
    await page.getByText("vera", { exact: true }).waitFor();
    expect(new URL(page.url()).pathname).toBe("/targets");
    expect(await page.getByRole("link", { name: "Audit", exact: true }).count()).toBe(0);
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByRole("link", { name: "Sign in with GitLab" }).waitFor();
    await page.goto(`${url}/targets`);
    expect(new URL(page.url()).pathname).toBe("/login");
    await page.context().close();
  });

  test("an operator pauses a target; an administrator reads who did", async () => {
    const operator = await signedIn("2", "/targets");
    await operator.getByRole("button", { name: "Pause…" }).first().click();
    await operator.getByRole("dialog").getByRole("button", { name: "Pause" }).click();
    await operator.getByRole("button", { name: "Resume" }).first().waitFor();
    await operator.context().close();
    const admin = await signedIn("3");
    await admin.getByRole("link", { name: "Audit", exact: true }).click();
    const row = admin.getByRole("row").filter({ hasText: "oskar" });
    expect(await row.innerText()).toMatch(/paused a target[\s\S]*audit/);
    await admin.context().close();
  });

  test("a session that has run out is renewed at the provider without a click", async () => {
    const page = await signedIn("2", "/targets");
    await page.getByText("oskar", { exact: true }).waitFor();
    const context = page.context();
    const session = (await context.cookies()).find(({ name }) => name.startsWith("relay_session_"));
    await context.clearCookies({ name: session?.name as string });
    await page.goto(`${url}/events`);
    await page.getByText("oskar", { exact: true }).waitFor();
    expect(new URL(page.url()).pathname).toBe("/events");
    await context.close();
  });
});
