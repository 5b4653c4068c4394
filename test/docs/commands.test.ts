/** Every `console` block of README.md, CONTRIBUTING.md and docs/ runs as it stands, or says in a comment before it why not. */
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { killRelays, ROOT } from "../helpers/relay-process.ts";
import { hasCommand } from "../helpers/tools.ts";
import { openStage, type Stage } from "./stage.ts";

interface Block {
  readonly name: string;
  readonly text: string;
  /** Null: it runs. */
  readonly whyNot: string | null;
}

const pages = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync(`${ROOT}docs`).map((name) => `docs/${name}`),
].filter((path) => path.endsWith(".md"));

function blocksOf(path: string): Block[] {
  const text = readFileSync(`${ROOT}${path}`, "utf8");
  return [...text.matchAll(/(?:<!-- not run: ([^\n]*) -->\n\n *)?```(\w*)\n([\s\S]*?)```/g)]
    .filter(([, , language]) => ["console", "sh", "bash", "shell"].includes(language ?? ""))
    .map((match) => {
      const line = text.slice(0, match.index).split("\n").length;
      return { name: `${path}:${line}`, text: match[3] as string, whyNot: match[1] ?? null };
    });
}

const blocks = pages.flatMap(blocksOf);

/** What a block that goes on for ever says once it works. */
const UNTIL: readonly (readonly [command: string, said: string])[] = [
  ["npm start", "relay.listening"],
  ["curl -N", "event: hello"],
];

test("commands are in blocks of the language console", () => {
  const others = pages.filter((path) =>
    /```(?:sh|bash|shell)\n/.test(readFileSync(`${ROOT}${path}`, "utf8")),
  );
  expect(others).toEqual([]);
  expect(blocks.filter(({ whyNot }) => whyNot === null).length).toBeGreaterThan(8);
});

test("no block has a placeholder", () => {
  expect(
    blocks.filter(({ text }) => /\.\.\.|<[a-z][^>\n]*>|\bYOUR_|xxx/i.test(text)).map(({ name }) => name),
  ).toEqual([]);
});

test("a block that is not run says why", () => {
  for (const { whyNot } of blocks) if (whyNot !== null) expect(whyNot.length).toBeGreaterThan(15);
});

/** Each text once: README.md and docs/running.md begin alike. */
const run = [
  ...new Map(blocks.filter(({ whyNot }) => whyNot === null).map(({ name, text }) => [text, name])),
];
const hasTools = hasCommand("curl", "--version") && hasCommand("openssl", "version");

describe.runIf(hasTools)(`as it stands${hasTools ? "" : " (curl or openssl is not installed)"}`, () => {
  let stage: Stage | null = null;
  beforeAll(async () => {
    stage = await openStage();
  }, 60_000);
  afterAll(async () => {
    await stage?.close();
    // A stage that could not be set leaves its relay behind.
    await killRelays();
  });

  test.each(run.map(([text, name]) => [name, text] as const))("%s", async (_, text) => {
    const until = UNTIL.find(([command]) => text.includes(command))?.[1];
    const { status, output } = await (stage as Stage).run(text, until);
    expect({ status, output: status === 0 ? "" : output }).toEqual({ status: 0, output: "" });
  });
});
