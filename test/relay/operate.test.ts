/** The operator's side of a real relay process: daily log files, masking, metrics, activity over kill -9. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { push } from "../helpers/payloads.ts";
import { AS_ADMIN, killRelays, startRelayProcess, type RelayProcess } from "../helpers/relay-process.ts";
import { hasCommand } from "../helpers/tools.ts";

const hasPromtool = hasCommand("promtool", "--version");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "relay-operate-"));
  writeFileSync(
    join(folder, "relay.yaml"),
    `
log: { dir: "${folder}/logs", keepDays: 2 }
activity: { enabled: true, members: { "Alice Doe": [alice] } }
targets: { console: { type: log } }
`,
  );
});
afterEach(async () => {
  await killRelays();
  rmSync(folder, { recursive: true, force: true });
});

function start(): RelayProcess {
  return startRelayProcess(
    { RELAY_DATA_DIR: join(folder, "data"), GITLAB_WEBHOOK_SECRET: "operate-secret" },
    ["--config", join(folder, "relay.yaml")],
  );
}

async function send(url: string, branch: string): Promise<string> {
  const { header, body } = push("alice", "shop", branch, [`Change on ${branch}`]);
  const response = await fetch(`${url}/webhooks/gitlab`, {
    method: "POST",
    headers: { "X-Gitlab-Token": "operate-secret", "X-Gitlab-Event": header, "Idempotency-Key": branch },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(202);
  return ((await response.json()) as { id: string }).id;
}

interface Totals {
  readonly total: { readonly commits: number };
  readonly authors: readonly { readonly author: string }[];
}

async function activity(url: string): Promise<Totals> {
  return (await (await fetch(`${url}/api/v1/activity`, { headers: AS_ADMIN })).json()) as Totals;
}

async function commitsReach(url: string, wanted: number): Promise<void> {
  while ((await activity(url)).total.commits < wanted)
    await new Promise((resolve) => setTimeout(resolve, 50));
}

describe("a relay process", () => {
  test("ends every event with a line, on standard output and in the file of the day, masked", async () => {
    const relay = start();
    const url = await relay.url();
    const id = await send(url, "glpat-abcdefghijklmnopqrstuv");
    const line = await relay.line("event.finished");
    expect(line).toMatchObject({ eventId: id, outcome: "delivered", actor: "alice", ref: "refs/heads/***" });
    relay.child.kill("SIGTERM");
    expect(await relay.exited).toBe(0);
    const [file, ...others] = readdirSync(join(folder, "logs"));
    expect([file, others]).toEqual([expect.stringMatching(/^relay-\d{4}-\d\d-\d\d\.jsonl$/), []]);
    expect(readFileSync(join(folder, "logs", file!), "utf8")).toBe(relay.stdout());
    expect(relay.output()).not.toContain("glpat-");
  });

  test("counts each event once, over kill -9 and replays", async () => {
    const first = start();
    const id = await send(await first.url(), "one");
    await commitsReach(await first.url(), 1);
    await send(await first.url(), "two");
    first.child.kill("SIGKILL");
    await first.exited;
    const second = start();
    const url = await second.url();
    await commitsReach(url, 2);
    expect(
      (await fetch(`${url}/api/v1/events/${id}/replay`, { method: "POST", headers: AS_ADMIN })).status,
    ).toBe(200);
    await second.line("event.replayed");
    await send(url, "three");
    await commitsReach(url, 3);
    expect(await activity(url)).toMatchObject({ total: { commits: 3 }, authors: [{ author: "Alice Doe" }] });
  });

  test.runIf(hasPromtool)("gives promtool nothing to say", async () => {
    const url = await start().url();
    await send(url, "one");
    const text = await (await fetch(`${url}/metrics`)).text();
    const check = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
    expect([check.stdout, check.stderr, check.status]).toEqual(["", "", 0]);
    expect(text).toMatch(/relay_disk_free_bytes \d{6,}/);
    expect(text).toContain('relay_check_ok{check="storage"} 1');
  });
});
