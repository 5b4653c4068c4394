/**
 * A stage for browser tests: a real relay in a process of its own, targets that take, fail or refuse, a Chromium with a fresh
 * profile. Everything is on loopback and in temporary folders.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions } from "playwright-core";
import { httpServer, type TestServer } from "../helpers/http-server.ts";
import { startRelayProcess, type RelayProcess } from "../helpers/relay-process.ts";
import type { SampleWebhook } from "../helpers/payloads.ts";
import { available } from "../helpers/tools.ts";
import { seedActivity } from "./seed.ts";

export const CHROMIUM = "/usr/bin/chromium";
export const hasChromium = available(CHROMIUM, existsSync(CHROMIUM));

export const ADMIN_TOKEN = "stage-admin-token-0123456789";
const SECRET = "stage-webhook-secret";

export interface Stage {
  readonly url: string;
  readonly relay: RelayProcess;
  /** Somebody else's page that links to this address of the relay. */
  linkFromElsewhere(path: string): string;
  /** Status that the target `audit` answers from now on. */
  auditAnswers: number;
  /** Sends a webhook as GitLab does and returns the event's id. */
  send(webhook: SampleWebhook): Promise<string>;
  /** The admin API as JSON. */
  api(path: string, method?: string): Promise<Record<string, unknown>>;
  /** Resolves when the event is in the state. */
  reaches(id: string, state: string): Promise<void>;
  close(): Promise<void>;
}

/** @param token empty: no login is needed */
export async function openStage(token = ADMIN_TOKEN): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "relay-stage-"));
  const taking = await httpServer((request, response) => {
    if (request.method === "POST") {
      response.end("taken");
      return;
    }
    response.setHeader("Content-Type", "text/html");
    const to = `${stage.url}${decodeURIComponent(request.path.slice(1))}`;
    response.end(`<!doctype html><title>elsewhere</title><a href="${to}">look</a>`);
  });
  const failing = await httpServer((_request, response) => {
    response.statusCode = 503;
    response.end("upstream is being upgraded, try again later");
  });
  const audit = await httpServer((_request, response) => {
    response.statusCode = stage.auditAnswers;
    response.end('{"error":"unknown event type"}');
  });
  const servers: readonly TestServer[] = [taking, failing, audit];
  writeFileSync(join(folder, "relay.yaml"), settingsOf(taking.url, failing.url, audit.url));
  await seedActivity(join(folder, "data"), Date.now());
  const relay = startRelayProcess(
    {
      RELAY_DATA_DIR: join(folder, "data"),
      GITLAB_WEBHOOK_SECRET: SECRET,
      RELAY_ADMIN_TOKEN: token,
    },
    ["--config", join(folder, "relay.yaml")],
  );
  const url = await relay.url();
  const headers = { Authorization: `Bearer ${token}` };
  let count = 0;
  const stage: Stage = {
    url,
    relay,
    auditAnswers: 200,
    linkFromElsewhere: (path) =>
      `${taking.url.replace("127.0.0.1", "localhost")}/${encodeURIComponent(path)}`,
    async send({ header, body }) {
      count += 1;
      const response = await fetch(`${url}/webhooks/gitlab`, {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          "User-Agent": "GitLab/19.0.0",
          "X-Gitlab-Event": header,
          "X-Gitlab-Token": SECRET,
          "X-Gitlab-Instance": "https://gitlab.acme.dev",
          "X-Gitlab-Webhook-UUID": `2f3c6a1e-0000-4000-8000-${String(count).padStart(12, "0")}`,
          "Idempotency-Key": `7c5b0f6a-0000-4000-8000-${String(count).padStart(12, "0")}`,
        },
        body: JSON.stringify(body),
      });
      return ((await response.json()) as { id: string }).id;
    },
    async api(path, method = "GET") {
      const response = await fetch(`${url}/api/v1/${path}`, { method, headers });
      return (await response.json()) as Record<string, unknown>;
    },
    async reaches(id, state) {
      while ((await stage.api(`events/${id}`))["state"] !== state)
        await new Promise((resolve) => setTimeout(resolve, 20));
    },
    async close() {
      relay.child.kill("SIGTERM");
      await relay.exited;
      await Promise.all(servers.map((server) => server.close()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return stage;
}

function settingsOf(taking: string, failing: string, audit: string): string {
  return `
targets:
  ci-bot: { type: http, url: "${taking}/gitlab", retry: { baseSeconds: 0.05 } }
  warehouse:
    type: http
    url: "${failing}/events"
    events: [push]
    projects: ["acme/docs"]
    retry: { baseSeconds: 600, capSeconds: 3600 }
  audit: { type: http, url: "${audit}/hooks", events: [merge_request, deployment], ordering: project }
activity:
  enabled: true
  members: { "Alice Doe": [alice, "alice@acme.dev"], "Bob Ray": [bob] }
`;
}

export interface Line {
  readonly url: string;
  /** Every connection breaks, and none is taken. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

/** A way to the relay that can be cut. */
export async function openLine(port: string): Promise<Line> {
  const ends = new Set<Socket>();
  let isCut = false;
  const server = createServer((near) => {
    if (isCut) {
      near.destroy();
      return;
    }
    const far = connect(Number(port), "127.0.0.1");
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(one);
      one.on("error", () => {});
      one.on("close", () => {
        ends.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const cut = (): void => {
    for (const end of ends) end.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      isCut = true;
      cut();
    },
    mend: () => void (isCut = false),
    close() {
      cut();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}

export async function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** A fresh profile. Errors of the pages are collected. */
export async function openContext(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<{ readonly context: BrowserContext; readonly errors: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
  // Longer than a busy machine takes, shorter than a test may.
  context.setDefaultTimeout(90_000);
  const errors: string[] = [];
  context.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") errors.push(message.text());
  });
  context.on("weberror", (error) => errors.push(error.error().message));
  return { context, errors };
}
