import { expect, test } from "vitest";
import { systemClock } from "../../../lib/clock.ts";
import { runProgram } from "../../../relay/process/program.ts";

async function check(
  yaml: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ status: unknown; text: string }> {
  const out: string[] = [];
  const status = await runProgram({
    argv: ["--check", "--config", "relay.yaml"],
    isTerminal: false,
    env,
    version: "1.2.3",
    installer: [],
    console: { ...console },
    clock: systemClock,
    random: Math.random,
    createStorage: () => Promise.reject(new Error("nothing is opened")),
    readFile: () => yaml,
    readText: () => Promise.resolve(yaml),
    notify: () => null,
    stdout: (text) => void out.push(text),
    stderr: (text) => void out.push(text),
  });
  return { status, text: out.join("") };
}

test("--check explains a rule that can never match, and the settings stay valid", async () => {
  const { status, text } = await check(`
targets:
  bot:
    type: log
    projects: ["acme/**", "!acme/**"]
    when: "1 == 2"
`);
  expect(status).toBe(0);
  expect(text).toContain("The settings are valid");
  expect(text).toContain(
    '- targets.bot.projects: can never match: all that is listed is left out by "!acme/**"',
  );
  expect(text).toContain("- targets.bot.when: can never match: it is false for every event");
});

test("--check names unknown variables, and the settings stay valid", async () => {
  const { status, text } = await check("targets: {}", { GITLAB_WEBHOOK_SECRETS: "a-secret-of-16-signs" });
  expect(status).toBe(0);
  expect(text).toContain(
    "- GITLAB_WEBHOOK_SECRETS: is unknown and has no effect; did you mean GITLAB_WEBHOOK_SECRET?",
  );
});

test("--check names what is wrong with an expression, and refuses it", async () => {
  const { status, text } = await check(`
targets:
  bot: { type: log, when: "body.title.matches('(?=x)')", events: [] }
`);
  expect(status).toBe(2);
  expect(text).toContain("targets.bot.when: matches(): ");
  expect(text).toContain("targets.bot.events: is empty; leave it out for no restriction");
});
