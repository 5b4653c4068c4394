import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../../lib/clock.ts";
import { silentLog } from "../../../../lib/log.ts";
import { createTargets } from "../../../../relay/targets/registry.ts";
import { targetSchema } from "../../../../relay/targets/registry.ts";
import type { AttemptResult, Sending, Target } from "../../../../relay/delivery/port.ts";
import { repositoryOf, type Repository } from "../../../simulator/pipelines-api.ts";
import { createSimulator, type Simulator } from "../../../simulator/simulator.ts";
import { eventMeta } from "../../../helpers/events.ts";

let gitlab: Simulator;
let repository: Repository;
let projectId: number;
const targets: Target[] = [];

beforeEach(async () => {
  gitlab = await createSimulator();
  const project = gitlab.seed.project(gitlab.seed.group("acme"), "deploy");
  projectId = project.id;
  repository = repositoryOf(project);
  repository.triggerTokens.add("glptt-good");
});

afterEach(async () => {
  for (const target of targets.splice(0)) await target.close();
  await gitlab.close();
});

const body = {
  object_attributes: { iid: 7, title: 'fix: "quotes"', draft: false },
  labels: [{ title: "bug" }],
};

function send(changes: Record<string, unknown>, sending: Partial<Sending> = {}): Promise<AttemptResult> {
  const settings = { type: "pipeline", url: gitlab.url, token: "glptt-good", ...changes };
  const create = createTargets({ clock: systemClock, log: silentLog });
  const target = create("ci", targetSchema.parse(settings));
  targets.push(target);
  return target.send({
    meta: eventMeta({ projectId, headers: [["x-gitlab-event-uuid", "uuid-1"]], receivedAt: Date.now() }),
    body: Buffer.from(JSON.stringify(body)),
    attempt: 1,
    replay: 0,
    signal: new AbortController().signal,
    ...sending,
  });
}

describe("a pipeline target", () => {
  test("triggers the pipeline of the event's project and branch, and passes the event's UUID on", async () => {
    const result = await send({});
    expect(result).toMatchObject({ verdict: "done", status: 201, error: null });
    expect(repository.pipelines).toHaveLength(1);
    const [pipeline] = repository.pipelines;
    expect(result.excerpt).toBe(`started ${gitlab.url}/acme/deploy/-/pipelines/${pipeline?.id}`);
    expect(pipeline).toMatchObject({ ref: "main", eventUuid: "uuid-1" });
    expect(Object.fromEntries(pipeline?.variables ?? [])).toEqual({ RELAY_EVENT_ID: eventMeta().id });
  });

  test.each([
    ["a tag", { ref: "refs/tags/v1" }, "v1"],
    ["the name that a deployment has", { ref: "release/1", kind: "deployment" }, "release/1"],
    [
      "the source branch of a merge request's pipeline",
      { ref: "refs/merge-requests/7/head", sourceProjectId: 0, sourceBranch: "topic" },
      "topic",
    ],
  ])("without a ref of its own it runs on %s", async (_claim, changes, ref) => {
    repository.branches.add(ref);
    const own = "sourceProjectId" in changes ? { ...changes, sourceProjectId: projectId } : changes;
    const result = await send({}, { meta: eventMeta({ projectId, ...own }) });
    expect(result).toMatchObject({ verdict: "done", status: 201 });
    expect(repository.pipelines[0]?.ref).toBe(ref);
  });

  test.each([
    ["no ref", null],
    ["the branch of a fork", "refs/merge-requests/7/head"],
  ])("without a ref of its own and with %s it says what to set", async (_claim, ref) => {
    const result = await send({}, { meta: eventMeta({ projectId, ref }) });
    expect(result).toMatchObject({ verdict: "dead", status: null });
    expect(result.error).toContain("set the target's ref");
  });

  test.each(["push", "tag_push"])(
    "a %s that deletes triggers nothing, unless the ref is fixed",
    async (kind) => {
      const deletion = { body: Buffer.from(JSON.stringify({ object_kind: kind, after: "0".repeat(40) })) };
      const result = await send({}, deletion);
      expect(result).toMatchObject({ verdict: "done", excerpt: expect.stringContaining("deleted") });
      expect(repository.pipelines).toHaveLength(0);
      await send({ ref: "main" }, deletion);
      expect(repository.pipelines).toHaveLength(1);
    },
  );

  test("fills variables and inputs from the event; inputs keep their types", async () => {
    repository.branches.add("release/2");
    await send({
      project: "acme/deploy",
      ref: "release/{{ size(body.labels) + 1 }}",
      variables: {
        TITLE: "!{{ body.object_attributes.iid }} {{ body.object_attributes.title }}",
        LABELS: "{{ body.labels.map(l, l.title) }}",
      },
      inputs: { iid: "{{ body.object_attributes.iid }}", draft: "{{ body.object_attributes.draft }}" },
    });
    const [pipeline] = repository.pipelines;
    expect(pipeline?.ref).toBe("release/2");
    expect(Object.fromEntries(pipeline?.variables ?? [])).toMatchObject({
      TITLE: '!7 fix: "quotes"',
      LABELS: '["bug"]',
    });
    expect(Object.fromEntries(pipeline?.inputs ?? [])).toEqual({ iid: 7, draft: false });
  });

  test.each([
    ["an unknown ref", { ref: "nope" }, 400, "Reference not found"],
    ["a wrong token", { token: "glptt-other" }, 404, "404 Not found"],
    ["an unknown project", { project: "acme/none" }, 404, "404 Not found"],
  ])("%s is refused for good, with GitLab's words", async (_claim, changes, status, words) => {
    const result = await send(changes);
    expect(result).toMatchObject({ verdict: "dead", status });
    expect(result.error).toContain(words);
    expect(result.error).not.toContain("glptt");
  });

  test.each([
    ["a template that asks for what is not there", { ref: "{{ body.nope }}" }, "ref: No such key: nope"],
    [
      "an event without what the default asks for",
      { project: "{{ event.group.id }}" },
      "project: is empty for this event",
    ],
    ["a variable", { variables: { A: "{{ body.x.y }}" } }, "variables.A: No such key: x"],
  ])("%s ends it with the place", async (_claim, changes, error) => {
    expect(await send(changes)).toMatchObject({ verdict: "dead", status: null, error });
  });

  test("GitLab in trouble or away is a retry", async () => {
    gitlab.faults.add({ action: { kind: "status", status: 503 } });
    expect(await send({})).toMatchObject({ verdict: "retry", status: 503 });
    gitlab.faults.add({ action: { kind: "reset" } });
    expect(await send({})).toMatchObject({ verdict: "retry", status: null });
  });

  describe("a repetition after an answer that got lost", () => {
    beforeEach(async () => {
      gitlab.faults.add({ method: "POST", action: { kind: "lose-answer" } });
      expect(await send({})).toMatchObject({ verdict: "retry", status: null });
      expect(repository.pipelines).toHaveLength(1);
    });

    test("finds its pipeline with an apiToken, and starts no second one", async () => {
      const result = await send({ apiToken: gitlab.token.value }, { attempt: 2 });
      expect(result).toMatchObject({ verdict: "done", error: null });
      expect(result.excerpt).toContain("an earlier attempt started");
      expect(repository.pipelines).toHaveLength(1);
    });

    test("takes no other event's pipeline for its own", async () => {
      const meta = eventMeta({ id: "01kf0000000000000000000002", projectId, receivedAt: Date.now() });
      expect(await send({ apiToken: gitlab.token.value }, { attempt: 2, meta })).toMatchObject({
        status: 201,
      });
      expect(repository.pipelines).toHaveLength(2);
    });

    test("starts none while GitLab cannot be asked, and comes back when it says", async () => {
      gitlab.faults.add({ method: "GET", action: { kind: "status", status: 503 } });
      const result = await send({ apiToken: gitlab.token.value }, { attempt: 2 });
      expect(result).toMatchObject({ verdict: "retry", status: null });
      expect(result.error).toContain("503");
      expect(repository.pipelines).toHaveLength(1);
    });

    test("a look that is called off ends with the signal's reason", async () => {
      gitlab.faults.add({ method: "GET", action: { kind: "hang" } });
      const ending = new AbortController();
      const reason = new Error("time is up");
      const sent = send({ apiToken: gitlab.token.value }, { attempt: 2, signal: ending.signal });
      ending.abort(reason);
      await expect(sent).rejects.toBe(reason);
    });

    test("starts a second one without an apiToken, or where it may not look", async () => {
      await send({}, { attempt: 2 });
      await send({ apiToken: "glpat-unknown" }, { attempt: 2 });
      expect(repository.pipelines).toHaveLength(3);
    });
  });

  test("problems of templates are found with the settings", () => {
    const parsed = targetSchema.safeParse({
      type: "pipeline",
      url: gitlab.url,
      token: "t",
      ref: "{{ nope }}",
      variables: { A: "{{ body." },
    });
    expect(parsed.error?.issues.map((i) => `${i.path.join(".")}: ${i.message}`)).toEqual([
      "ref: {{ nope }}: Unknown variable: nope",
      "variables.A: {{ without }}",
    ]);
  });
});
