import { expect, test } from "vitest";
import { ATTENTION_KINDS } from "../../../../relay/config/attention-kinds.ts";
import {
  attentionOf,
  type Situation,
  type TargetSituation,
} from "../../../../relay/observe/attention/attention.ts";

const NOW = Date.UTC(2026, 0, 31, 12);

function target(changes: Partial<TargetSituation> = {}): TargetSituation {
  return {
    name: "ci-bot",
    paused: false,
    waiting: 0,
    deadReasons: new Map(),
    dead: 0,
    oldestAt: null,
    breaker: "closed",
    attempts: 0,
    failed: 0,
    arrived: 0,
    ended: 0,
    failingSince: null,
    lastError: null,
    ...changes,
  };
}

function situation(changes: Partial<Situation> = {}): Situation {
  return {
    now: NOW,
    failing: [],
    refused: null,
    notStored: null,
    damagedBytes: 0,
    recovery: null,
    targets: [target()],
    orphans: [],
    settingsProblems: [],
    unknownVariables: [],
    refusedFiles: [],
    ...changes,
  };
}

const kinds = (changes: Partial<Situation>): string[] =>
  attentionOf(situation(changes)).map(({ kind }) => kind);

test("attentionOf() has nothing to say while every one is quiet", () => {
  expect(kinds({})).toEqual([]);
});

test("attentionOf() puts what is being lost before what waits for a decision", () => {
  const all = kinds({
    failing: ["storage (the disk is full)"],
    refused: { count: 40, since: NOW - 60_000 },
    notStored: { count: 2, since: NOW },
    damagedBytes: 4096,
    recovery: { since: NOW, text: "the relay was away; run recover" },
    settingsProblems: ["targets.x.url: must be a URL"],
    unknownVariables: [{ name: "RELAY_TOKEN", nearest: "RELAY_ADMIN_TOKEN" }],
    refusedFiles: [{ projectId: 42, at: NOW, error: "unknown key" }],
    targets: [
      target({ name: "a", waiting: 9, oldestAt: NOW - 1_000_000 }),
      target({ name: "b", attempts: 10, failed: 6, dead: 44_547 }),
      target({ name: "c", paused: true, waiting: 59_155 }),
    ],
    orphans: [{ name: "old", waiting: 3, dead: 0 }],
  });
  expect(all).toEqual(ATTENTION_KINDS.filter((kind) => kind !== "no-target"));
  expect(kinds({ targets: [] })).toEqual(["no-target"]);
});

test.each<[string, Partial<TargetSituation>, string[]]>([
  ["more than half of the attempts failed", { attempts: 10, failed: 6 }, ["target-failing"]],
  ["half of them failed", { attempts: 10, failed: 5 }, []],
  ["two attempts say nothing", { attempts: 2, failed: 2 }, []],
  ["its breaker is open", { breaker: "open" }, ["target-failing"]],
  ["it is paused, whatever failed", { paused: true, waiting: 1, attempts: 9, failed: 9 }, ["target-paused"]],
  ["it is paused and nothing waits", { paused: true }, []],
  ["its oldest event waits for 16 minutes", { waiting: 1, oldestAt: NOW - 960_000 }, ["target-behind"]],
  [
    "it gets more than it takes",
    { waiting: 5000, arrived: 900, ended: 100, oldestAt: NOW },
    ["target-behind"],
  ],
  ["it catches up", { waiting: 5000, arrived: 100, ended: 900, oldestAt: NOW }, []],
  ["it has dead letters", { dead: 3 }, ["dead-letters"]],
])("a target of which %s", (_claim, changes, wanted) => {
  expect(kinds({ targets: [target(changes)] })).toEqual(wanted);
});

test("each item says how many, since when, what, and where to go", () => {
  const items = attentionOf(
    situation({
      refused: { count: 1, since: NOW - 120_000 },
      targets: [
        target({
          waiting: 1234,
          oldestAt: NOW - 5000,
          attempts: 8,
          failed: 8,
          lastError: "connection refused",
        }),
      ],
      orphans: [
        { name: "old", waiting: 1, dead: 2 },
        { name: "empty", waiting: 0, dead: 0 },
      ],
    }),
  );
  expect(items).toEqual([
    expect.objectContaining({ kind: "refused", severity: "critical", since: NOW - 120_000, count: 1 }),
    {
      kind: "target-failing",
      severity: "critical",
      since: NOW - 5000,
      count: 1234,
      text: "ci-bot is failing: 8 of 8 attempts failed in ten minutes; last error: connection refused; 1,234 waiting",
      link: "/targets/ci-bot",
    },
    expect.objectContaining({
      kind: "orphans",
      count: 3,
      text: "3 deliveries for targets that the settings do not name: old",
      link: "/targets#orphans",
    }),
  ]);
});

test("a target that is behind without a success has its last error, one that is slow has not", () => {
  const late = { waiting: 3, oldestAt: NOW - 960_000, lastError: "answered 503" };
  const textOf = (changes: Partial<TargetSituation>) =>
    attentionOf(situation({ targets: [target({ ...late, ...changes })] }))[0]?.text;
  const behind = "ci-bot is falling behind, 3 waiting";
  expect(textOf({})).toBe(`${behind}; last error: answered 503`);
  expect(textOf({ attempts: 1, failed: 1 })).toBe(`${behind}; last error: answered 503`);
  expect(textOf({ attempts: 9, failed: 2 })).toBe(behind);
});

test.each([
  [{ oldestAt: NOW - 9000, failingSince: NOW - 5000 }, NOW - 9000],
  [{ oldestAt: NOW - 9000, failingSince: NOW - 60_000 }, NOW - 60_000],
  [{ oldestAt: null, failingSince: NOW - 60_000 }, NOW - 60_000],
  [{ oldestAt: null, failingSince: null }, null],
])("a target fails since its oldest event waits or since its attempts fail: %j", (changes, since) => {
  const targets = [target({ attempts: 8, failed: 8, ...changes })];
  expect(attentionOf(situation({ targets }))[0]).toMatchObject({ kind: "target-failing", since });
});

test.each<[Partial<TargetSituation>, string]>([
  [
    { attempts: 24, failed: 4, breaker: "open", waiting: 20 },
    "its last attempts failed in a row, the breaker is open; 20 waiting",
  ],
  [
    { attempts: 24, failed: 20, breaker: "open", waiting: 20 },
    "20 of 24 attempts failed in ten minutes; 20 waiting",
  ],
  [
    { attempts: 8, failed: 8, dead: 8 },
    "8 of 8 attempts failed in ten minutes; nothing waits, 8 dead letters",
  ],
])("a target that fails says why, and what that leaves: %j", (changes, text) => {
  const [item] = attentionOf(situation({ targets: [target(changes)] }));
  expect(item?.text).toBe(`ci-bot is failing: ${text}`);
});
