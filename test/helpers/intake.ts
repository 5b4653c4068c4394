/** The relay's intake without its process: the app on a queue in memory, with settings, clock and log that tests see. */
import { readFileSync } from "node:fs";
import { createLog, createSecrets } from "../../lib/log.ts";
import { createApp } from "../../relay/process/app.ts";
import { createWebhooks } from "../../relay/process/webhooks.ts";
import { configSchema, type Config } from "../../relay/config/schema.ts";
import type { ActivityFacts } from "../../relay/event/activity-facts.ts";
import { factsOf } from "../../relay/observe/activity/facts.ts";
import { healthOf } from "../../relay/observe/health.ts";
import { createIngest } from "../../relay/ingest/receive.ts";
import { compileIngest } from "../../relay/ingest/rules.ts";
import { FakeClock } from "./clock.ts";
import { createMemoryQueue } from "./memory-queue.ts";

export const TOKEN = "a-secret-token";
export const PUSH = readFileSync(new URL("../fixtures/push.json", import.meta.url));

export type ConfigInput = Parameters<typeof configSchema.parse>[0];

export function configOf(input: Record<string, unknown> = {}): Config {
  return configSchema.parse(input);
}

export function createIntake(settings: Record<string, unknown> = { gitlab: { secretTokens: [TOKEN] } }) {
  const clock = new FakeClock();
  const queue = createMemoryQueue(() => clock.now());
  const lines: Record<string, unknown>[] = [];
  const log = createLog({
    level: "debug",
    secrets: createSecrets(),
    write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  });
  const requests: [string, string | null][] = [];
  const state = { rules: compileIngest(configOf(settings)), isStopping: false };
  const isStopping = (): boolean => state.isStopping;
  const noted: [string, ActivityFacts][] = [];
  const ingest = createIngest({
    queue,
    activity: { read: factsOf, note: (facts, eventId) => void noted.push([eventId, facts]) },
    clock,
    log,
    rules: () => state.rules,
    isStopping,
    metrics: { request: (status, kind) => void requests.push([status, kind]) },
  });
  const webhooks = createWebhooks({ ingest, log });
  const app = createApp({
    webhooks,
    log,
    health: () => healthOf({ queue, isStopping, own: () => [] }),
    metrics: { contentType: "text/plain; version=0.0.4", text: async () => "# nothing\n" },
  });
  return {
    app,
    webhooks,
    clock,
    queue,
    /** Lines of the log, parsed. */
    lines,
    /** What the metrics were told: status and kind. */
    requests,
    /** What the activity was told: event id and facts. */
    noted,
    state,
    /** Sends a push event with the secret token, unless told otherwise. */
    async post(
      options: { path?: string; headers?: Record<string, string>; body?: string | Uint8Array } = {},
    ): Promise<{ status: number; headers: Headers; body: unknown }> {
      const response = await app.request(options.path ?? "/webhooks/gitlab", {
        method: "POST",
        headers: options.headers ?? { "x-gitlab-token": TOKEN, "x-gitlab-event": "Push Hook" },
        body: (options.body ?? PUSH) as string,
      });
      return { status: response.status, headers: response.headers, body: await response.json() };
    },
  };
}
