import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { deriveSecretToken } from "../../../lib/secrets.ts";
import { createIntake } from "../../helpers/intake.ts";

const MASTER = "a-master-secret-of-32-characters!";
const INSTANCE = "https://gitlab.example.com";

function intake(settings: Record<string, unknown> = { gitlab: { masterSecret: MASTER } }) {
  const made = createIntake(settings);
  return {
    ...made,
    send: (
      hookKey: string,
      payload: unknown,
      token = deriveSecretToken(MASTER, "gitlab.example.com", hookKey),
    ) =>
      made.post({
        path: `/webhooks/gitlab/${hookKey}`,
        headers: { "x-gitlab-token": token, "x-gitlab-instance": INSTANCE },
        body: JSON.stringify(payload),
      }),
  };
}

const mergeRequest = (source: number, target: number) => ({
  object_kind: "merge_request",
  object_attributes: { source_project_id: source, target_project_id: target },
});
const ofProject = (id: number) => ({ object_kind: "push", project_id: id, project: { id } });

test.each<[string, string, unknown, number]>([
  ["its own project", "p15", ofProject(15), 202],
  ["another project", "p15", ofProject(16), 401],
  ["another project, named in the attributes alone", "p15", { object_attributes: { project_id: 16 } }, 401],
  ["no project and no group", "p15", { object_kind: "quantum" }, 202],
  ["a project whose id is no number", "p15", { project: { id: "15" } }, 202],
  ["another project, beside its own", "p15", { project: { id: 15 }, project_id: 16 }, 401],
  ["another project whose id is no number", "p15", { project: { id: "16" } }, 401],
  ["a fork's merge request", "p15", mergeRequest(99, 15), 202],
  ["a merge request into another project", "p15", mergeRequest(15, 16), 401],
  ["its own project, which has moved", "p15", { event_name: "project_transfer", project_id: 15 }, 202],
  ["another project, which has moved", "p15", { event_name: "project_transfer", project_id: 16 }, 401],
  ["a group", "p15", { event_name: "user_add_to_group", group_id: 7 }, 401],
  ["any project", "g7", ofProject(16), 202],
  ["any project of the instance", "system", ofProject(16), 202],
  ["any group of the instance", "system", { event_name: "group_create", group_id: 9, full_path: "x" }, 202],
  ["its own group", "g7", { event_name: "user_add_to_group", group_id: 7, group_path: "acme" }, 202],
  [
    "a group that may be below it",
    "g7",
    { event_name: "user_add_to_group", group_id: 9, group_path: "x" },
    202,
  ],
  ["a subgroup", "g7", { group_id: 9, full_path: "acme/x", parent_group_id: 7 }, 202],
  ["a deep subgroup", "g7", { group_id: 9, full_path: "acme/x/y", parent_group_id: 8 }, 202],
  ["another top-level group", "g7", { group_id: 9, full_path: "other" }, 401],
  ["a token of another top-level group", "g7", { group: { group_id: 9, full_path: "other" } }, 401],
  [
    "a child of another top-level group",
    "g7",
    { group_id: 9, full_path: "other/x", parent_group_id: 8 },
    401,
  ],
  ["nothing", "g7", {}, 202],
])("an event of %s under %s is answered %i", async (...[, hookKey, payload, status]) => {
  const made = intake();
  const answer = await made.send(hookKey, payload);
  expect(answer.status).toBe(status);
  expect(made.queue.stored()).toHaveLength(status === 202 ? 1 : 0);
  if (status !== 401) return;
  expect(answer.body).toEqual({
    error: { code: "unauthorized", message: "no valid secret token or signature" },
  });
  expect(made.lines.at(-1)).toMatchObject({
    event: "webhook.unauthorized",
    hookKey,
    reason: expect.stringMatching(/^the event is of (project|group) \d+/),
  });
  expect(made.requests).toEqual([["unauthorized", null]]);
});

test.each(["user_create", "key_create"])(
  "an event %s of the whole instance is only its system hook's",
  async (name) => {
    const made = intake();
    for (const [hookKey, status] of [
      ["p15", 401],
      ["g7", 401],
      ["system", 202],
    ] as const)
      expect([hookKey, (await made.send(hookKey, { event_name: name })).status]).toEqual([hookKey, status]);
    expect(made.lines.filter(({ event }) => event === "webhook.unauthorized")).toMatchObject([
      { hookKey: "p15", reason: "the event is of the whole instance" },
      { hookKey: "g7" },
    ]);
  },
);

test("every event of a project that GitLab documents is its project's", async () => {
  const made = intake();
  const fixtures = readdirSync(new URL("../../fixtures", import.meta.url)).filter((name) =>
    name.endsWith(".json"),
  );
  const refused: string[] = [];
  for (const name of fixtures) {
    const payload = JSON.parse(readFileSync(new URL(`../../fixtures/${name}`, import.meta.url), "utf8")) as {
      readonly project?: { readonly id?: number };
      readonly project_id?: number;
    };
    const id = payload.project?.id ?? payload.project_id;
    if (id !== undefined && (await made.send(`p${id}`, payload)).status === 401) refused.push(name);
  }
  expect(fixtures.length).toBeGreaterThan(20);
  expect(refused).toEqual([]);
});

test("a shared secret under a hook's path is bound to the hook as well, under the common path it is not", async () => {
  const made = intake({ gitlab: { secretTokens: ["a-shared-secret"] } });
  expect((await made.send("p15", ofProject(16), "a-shared-secret")).status).toBe(401);
  const headers = { "x-gitlab-token": "a-shared-secret" };
  expect((await made.post({ headers, body: JSON.stringify(ofProject(16)) })).status).toBe(202);
});

test("known answers about the ids of the hook that asks, and of no other", async () => {
  const made = intake();
  const token = (hookKey: string): string => deriveSecretToken(MASTER, "gitlab.example.com", hookKey);
  const headers = (hookKey: string) => ({ "x-gitlab-token": token(hookKey), "x-gitlab-instance": INSTANCE });
  await made.post({
    path: "/webhooks/gitlab/p15",
    headers: { ...headers("p15"), "webhook-id": "delivery-1" },
    body: JSON.stringify(ofProject(15)),
  });
  const ask = async (hookKey: string) =>
    (
      await made.post({
        path: `/webhooks/gitlab/${hookKey}/known`,
        headers: headers(hookKey),
        body: JSON.stringify({ ids: ["delivery-1"] }),
      })
    ).body;
  expect(await ask("p15")).toEqual({ known: ["delivery-1"] });
  expect(await ask("p16")).toEqual({ known: [] });
});
