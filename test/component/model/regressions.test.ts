/** Histories that the model once broke the installer with, by what was wrong. Each is played as the model plays it. */
import { expect, test } from "vitest";
import { play } from "./play.ts";
import type { Change, RunStep, Step } from "./steps.ts";

function run(more: Partial<RunStep> = {}): RunStep {
  return {
    step: "run",
    command: "install",
    tokens: ["owner"],
    secret: "shared",
    level: "auto",
    relay: 0,
    dryRun: false,
    faults: [],
    killed: null,
    twin: false,
    forgetful: false,
    ...more,
  };
}

const lapsed: Change = { step: "licence", tier: "free", unlicensedStatus: 403 };
const renewed: Change = { step: "licence", tier: "premium", unlicensedStatus: 403 };

const HISTORIES: readonly (readonly [string, readonly Step[]])[] = [
  ["a changed address without the secret", [run({ relay: 1 }), run({ secret: "none" })]],
  ["the master secret missing once", [run({ secret: "master" }), run({ secret: "none", level: "project" })]],
  ["a Maintainer's token after the Owner's", [run(), run({ tokens: ["maintainer"] })]],
  [
    "a Maintainer asking for project hooks beside the group's",
    [run(), run({ tokens: ["maintainer"], level: "project" })],
  ],
  [
    "two runs of a Maintainer at once beside the group hook",
    [run(), run({ tokens: ["maintainer"], twin: true })],
  ],
  [
    "a custom role, to which the listing by role is empty, going to the group",
    [run({ level: "project" }), run({ tokens: ["custom"], relay: 1 })],
  ],
  [
    "an administrator who is no member",
    [run({ tokens: ["administrator"], level: "project" }), run({ tokens: ["administrator"] })],
  ],
  [
    "killed on the way from the group to projects, and back",
    [run({ tokens: ["custom"] }), run({ level: "project", killed: { after: 5, executed: false } }), run()],
  ],
  ["a licence that lapses and comes back", [run(), lapsed, run(), renewed, run()]],
  [
    "an archived project that comes back",
    [
      run({ level: "project" }),
      { step: "archive", project: 0 },
      run({ level: "group" }),
      { step: "unarchive", project: 0 },
    ],
  ],
  [
    "a project that leaves the group",
    [
      run({ level: "project" }),
      { step: "move", project: 1, to: "outside" },
      run({ level: "group" }),
      { step: "new-project" },
    ],
  ],
  [
    "one stray 404 for a project's hooks on the way from the group to projects",
    [
      run(),
      run({
        level: "project",
        faults: [{ route: "GET /projects/:id/hooks", action: { kind: "status", status: 404 } }],
      }),
    ],
  ],
  ["two runs at once on a fresh group", [run({ level: "project", twin: true })]],
  [
    "a sweep that was killed near its end, and projects that got hooks since",
    [
      run({ killed: { after: 11, executed: false } }),
      run({ command: "uninstall" }),
      run({ level: "project", killed: { after: 8, executed: false } }),
      run(),
    ],
  ],
  [
    "a Maintainer asking for project hooks who knows nothing of the group's",
    [run(), run({ tokens: ["maintainer"], level: "project", forgetful: true })],
  ],
  [
    "projects to which the role was too low, and the process killed after the last of them",
    [
      run(),
      run({ tokens: ["developer", "owner"], level: "project", killed: { after: 12, executed: true } }),
      { step: "new-project" },
    ],
  ],
  [
    "a project that comes back to the group with its old hook",
    [
      run({ level: "project" }),
      { step: "move", project: 1, to: "outside" },
      run(),
      { step: "move", project: 1, to: "team" },
    ],
  ],
  [
    "the group's hooks are throttled for ever",
    [
      run(),
      run({
        faults: [
          {
            route: "GET /groups/:id/hooks",
            times: "always",
            action: { kind: "status", status: 429, headers: { "Retry-After": "1" } },
          },
        ],
      }),
    ],
  ],
];

test.each(HISTORIES)("%s", async (_, history) => {
  expect(await play(history)).toBeNull();
});
