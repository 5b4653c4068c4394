import { afterEach, expect, test } from "vitest";
import { createTransport } from "../../../lib/gitlab/transport.ts";
import { createPipelineRunner } from "../../../relay/recovery/pipeline.ts";
import type { RecoveryRun } from "../../../relay/recovery/runner.ts";
import { FakeClock } from "../../helpers/clock.ts";
import type { Schedule, ScheduledPipeline } from "../../simulator/schedules.ts";
import { createSimulator, type Simulator } from "../../simulator/simulator.ts";

const SINCE = Date.UTC(2026, 0, 31, 8);

let sim: Simulator;
afterEach(() => sim.close());

interface Played {
  readonly schedule: Schedule;
  readonly run: Promise<RecoveryRun>;
  readonly abort: AbortController;
  /** Lets the program look once more, and wait again. */
  look(): Promise<void>;
}

async function stage(): Promise<Schedule & { readonly path: string }> {
  sim = await createSimulator();
  const { projects } = sim.seed.tree({ projects: 1 });
  const [project] = projects;
  const api = `${sim.url}/api/v4/projects/${project?.id}/pipeline_schedules`;
  const headers = { "content-type": "application/json", "private-token": sim.token.value };
  const body = JSON.stringify({ description: "gitlab-hook-relay", ref: "main", cron: "17 * * * *" });
  await fetch(api, { method: "POST", headers, body });
  return Object.assign(project?.schedules?.[0] as Schedule, { path: String(project?.id) });
}

function play(schedule: Schedule & { readonly path: string }, token = sim.token.value): Played {
  const clock = new FakeClock();
  const abort = new AbortController();
  const runner = createPipelineRunner({
    clock,
    random: () => 0.5,
    transport: createTransport(),
    mask: (text) => text,
    recovery: {
      instance: "default",
      url: sim.url,
      tokens: [token],
      timeLimitSeconds: 600,
      pipeline: { project: schedule.path, description: "gitlab-hook-relay" },
    },
  });
  return {
    schedule,
    abort,
    run: runner.run(SINCE, abort.signal),
    async look() {
      await expect.poll(() => clock.nextTimerMs).toBe(10_000);
      await clock.advance(10_000);
    },
  };
}

function sinceOf({ schedule }: Played): string | undefined {
  return schedule.variables.get("HOOKS_SINCE")?.value;
}

async function pipelineOf({ schedule }: Played): Promise<ScheduledPipeline> {
  await expect.poll(() => schedule.pipelines.length).toBe(1);
  return schedule.pipelines[0] as ScheduledPipeline;
}

test("createPipelineRunner() plays the schedule with the beginning of the window, and follows its pipeline to the end", async () => {
  const played = play(await stage());
  const pipeline = await pipelineOf(played);
  pipeline.status = "running";
  expect(sinceOf(played)).toBe("2026-01-31T07:55:00.000Z");
  await played.look();
  const asked = () => sim.counters.report().byRoute["GET /projects/:id/pipelines/:pipeline_id"];
  await expect.poll(asked).toEqual({ 200: 1 });
  pipeline.status = "success";
  await played.look();
  expect(await played.run).toMatchObject({ outcome: "complete", missed: null });
});

test.each([
  ["none", undefined, undefined],
  ["a person's", "7d", "7d"],
  ["what an earlier run left there", "2026-01-20T07:00:00.000Z", undefined],
])("createPipelineRunner() gives the schedule its own HOOKS_SINCE back: %s", async (_what, before, after) => {
  const schedule = await stage();
  if (before !== undefined)
    schedule.variables.set("HOOKS_SINCE", { key: "HOOKS_SINCE", value: before, variableType: "env_var" });
  const played = play(schedule);
  (await pipelineOf(played)).status = "success";
  await played.look();
  expect(await played.run).toMatchObject({ outcome: "complete" });
  expect(sinceOf(played)).toBe(after);
});

test("createPipelineRunner() takes a job that a limit stopped for unfinished, although its pipeline is green", async () => {
  const played = play(await stage());
  (await pipelineOf(played)).jobs.push({ name: "recover-deliveries", status: "failed", allowFailure: true });
  await played.look();
  expect(await played.run).toMatchObject({
    outcome: "limited",
    text: expect.stringContaining("recover-deliveries"),
  });
});

test("createPipelineRunner() says that a pipeline failed", async () => {
  const played = play(await stage());
  (await pipelineOf(played)).status = "failed";
  await played.look();
  expect(await played.run).toMatchObject({
    outcome: "failed",
    text: expect.stringContaining("ended as failed"),
  });
});

test("createPipelineRunner() needs a schedule and a token that may play it", async () => {
  const schedule = await stage();
  schedule.description = "another";
  expect(await play(schedule).run).toMatchObject({
    outcome: "refused",
    text: expect.stringContaining("no pipeline schedule"),
  });
  expect(await play(schedule, "glpat-nobody").run).toMatchObject({ outcome: "refused" });
});

test("createPipelineRunner() ends with the relay", async () => {
  const played = play(await stage());
  (await pipelineOf(played)).status = "running";
  played.abort.abort();
  expect(await played.run).toMatchObject({ outcome: "limited" });
});
