/** The runner against a program that says what it was given, in place of the installer. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { GitlabSettings } from "../../../relay/config/gitlab.ts";
import { configSchema } from "../../../relay/config/schema.ts";
import { createChildRunner } from "../../../relay/recovery/child.ts";

/** Leaves its environment behind, and ends as FAKE_STATUS says; a report only if FAKE_REPORT says so. */
const PROGRAM = `
import { writeFileSync } from "node:fs";
const folder = process.env.HOOKS_REPORT_DIR;
writeFileSync(folder + "/env.json", JSON.stringify({ argv: process.argv.slice(2), env: process.env }));
if (process.env.FAKE_REPORT) writeFileSync(folder + "/report.json", process.env.FAKE_REPORT);
console.error("first line");
console.error("the last word, with a-secret-token-in-force");
process.exit(Number(process.env.FAKE_STATUS));
`;
const REPORT = JSON.stringify({
  complete: true,
  stoppedBy: "rate-limit",
  summary: {
    missed: 5,
    recovered: 3,
    alreadyDelivered: 1,
    outstanding: 1,
    unrecoverable: 0,
    unloggedWindows: 2,
  },
});
const SINCE = Date.UTC(2026, 0, 31, 8);

let folder: string;
let gitlab: GitlabSettings;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "child-"));
  await writeFile(join(folder, "program.mjs"), PROGRAM);
  gitlab = configSchema.parse({ gitlab: { secretTokens: ["a-secret-token-before"] } }).gitlab;
});
afterEach(() => rm(folder, { recursive: true }));

function runner(env: Record<string, string>) {
  return createChildRunner({
    command: [process.execPath, join(folder, "program.mjs")],
    env: {
      PATH: "/usr/bin",
      HTTPS_PROXY: "http://proxy",
      RELAY_ADMIN_TOKEN: "no",
      CI_JOB_TOKEN: "no",
      ...env,
    },
    folder: join(folder, "work"),
    recovery: {
      instance: "default",
      url: "https://gitlab.dev",
      tokens: ["one", "two"],
      group: "acme",
      timeLimitSeconds: 60,
    },
    gitlab: () => gitlab,
    mask: (text) => text.replace("a-secret-token-in-force", "***"),
  });
}

const idle = new AbortController().signal;

test("createChildRunner() tells the child the window, the tokens and the secrets in force, and nothing of the relay's own", async () => {
  const { run } = runner({ FAKE_STATUS: "0", FAKE_REPORT: REPORT });
  gitlab = { ...gitlab, secretTokens: ["a-secret-token-in-force", "a-secret-token-before"] };
  expect(await run(SINCE, idle)).toMatchObject({
    outcome: "complete",
    text: "4 of 5 delivered",
    unlogged: 2,
  });
  const { argv, env } = JSON.parse(await readFile(join(folder, "work", "env.json"), "utf8"));
  expect(argv).toEqual(["recover"]);
  expect(env).toMatchObject({
    HTTPS_PROXY: "http://proxy",
    HOOKS_GITLAB_URL: "https://gitlab.dev",
    HOOKS_GITLAB_TOKEN: "one,two",
    HOOKS_GROUP: "acme",
    HOOKS_SINCE: "2026-01-31T07:55:00.000Z",
    GITLAB_WEBHOOK_SECRET: "a-secret-token-in-force",
  });
  expect(Object.keys(env).filter((name) => /^(CI|RELAY)_/.test(name))).toEqual([]);
});

test.each([
  ["75", REPORT, "limited", "stopped by rate-limit", 4],
  ["1", REPORT, "failed", "the last word, with ***", 4],
  ["2", "", "refused", "the last word, with ***", null],
  ["0", "", "failed", "the last word, with ***", null],
])(
  "createChildRunner() takes exit status %s with the report %j for %s",
  async (status, report, outcome, text, delivered) => {
    const { run } = runner({ FAKE_STATUS: status, FAKE_REPORT: report });
    expect(await run(SINCE, idle)).toMatchObject({ outcome, text, delivered });
  },
);

test("createChildRunner() does not take the report of the run before for its own", async () => {
  expect((await runner({ FAKE_STATUS: "0", FAKE_REPORT: REPORT }).run(SINCE, idle)).outcome).toBe("complete");
  expect((await runner({ FAKE_STATUS: "0" }).run(SINCE, idle)).outcome).toBe("failed");
});
