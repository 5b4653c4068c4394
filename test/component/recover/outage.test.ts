/** An outage from beginning to end: the simulated GitLab, the real relay as a process, a target behind it, the whole command. */
import { afterEach, describe, expect, test } from "vitest";
import { runInstaller, SECRET } from "../../helpers/installer.ts";
import { createJumpClock, hookOf, pushes, range, runRecover } from "../../helpers/recovery.ts";
import { AS_ADMIN, killRelays } from "../../helpers/relay-process.ts";
import { stageRelay, type Closing } from "../../helpers/relay-stage.ts";
import { createSimulator } from "../../simulator/simulator.ts";

const MINUTE = 60_000;

const closing: Closing = [];
afterEach(async () => {
  await killRelays();
  for (const close of closing.splice(0).toReversed()) await close();
});

function perProject<T extends { readonly projectId: number }>(items: readonly T[]): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const item of items) groups.set(item.projectId, [...(groups.get(item.projectId) ?? []), item]);
  return groups;
}

describe("an hour without the relay", { timeout: 240_000 }, () => {
  test("2,000 deliveries over 120 projects, 40 of them to hooks that GitLab switched off", async () => {
    const relay = await stageRelay(closing, { GITLAB_WEBHOOK_SECRET: SECRET });
    const clock = createJumpClock(70 * MINUTE);
    const sim = await createSimulator({ tier: "free", clock, budget: { requests: 2000 } });
    closing.push(() => sim.close());
    const { projects } = sim.seed.tree({ projects: 120, subgroups: 7 });
    const env = { HOOKS_URL: `http://127.0.0.1:${relay.port}/webhooks/gitlab` };
    expect((await runInstaller(sim, { env, clock })).status).toBe(0);

    // Before: the relay takes one event of every project. Then it is gone.
    const first = await relay.start();
    const before = await Promise.all(projects.map((project) => pushes(sim, project, [0])));
    await relay.target.arrived(before.flatMap((sent) => sent.keys));
    first.child.kill("SIGKILL");
    await first.exited;
    sim.nextMinute();

    // 110 projects, 1,960 deliveries, spread over the hour.
    const quiet = projects.slice(0, 110);
    const keys: string[] = [];
    for (let round = 1; round <= 18; round++) {
      const busy = round <= 17 ? quiet : quiet.slice(0, 90);
      const sent = await Promise.all(busy.map((project) => pushes(sim, project, [round])));
      keys.push(...sent.flatMap((s) => s.keys));
      clock.jump(3 * MINUTE);
    }
    // 10 projects on an instance that switches hooks off: four failures are logged, what follows is not.
    sim.settings.autoDisable = true;
    const off = projects.slice(110);
    for (const project of off) {
      const sent = await pushes(sim, project, range(1, 6));
      expect([sent.keys.length, sent.dropped]).toEqual([4, 2]);
      keys.push(...sent.keys);
    }
    for (const project of off.slice(0, 5)) {
      sim.change(hookOf(project), { recentFailures: 7, disabledUntil: clock.now() + 8 * MINUTE });
    }
    for (const project of off.slice(5)) sim.change(hookOf(project), { recentFailures: 40 });
    expect(keys).toHaveLength(2000);
    clock.jump(4 * MINUTE);

    const second = await relay.start();
    expect(off.map((project) => sim.inspect(hookOf(project))["alertStatus"])).toEqual([
      ...Array.from({ length: 5 }, () => "temporarily_disabled"),
      ...Array.from({ length: 5 }, () => "disabled"),
    ]);
    sim.counters.reset();
    const files = new Map<string, string>();
    const run = await runRecover(sim, { env, clock, files, args: ["--state-file", "state.json"] });
    expect(run.stdout).toContain("run complete");
    expect(run.status).toBe(0);
    expect(run.report.summary).toMatchObject({
      projects: 120,
      hooks: 120,
      missed: 2000,
      recovered: 2000,
      alreadyDelivered: 0,
      unrecoverable: 0,
      outstanding: 0,
      woken: 10,
      failed: 0,
    });

    // Once per event at the target, in order, woken hooks' test deliveries aside.
    await relay.target.arrived(keys);
    const arrivals = relay.target.arrivals.filter((a) => (a.sequence ?? 0) > 0);
    const counts = new Map<string, number>();
    for (const { key } of arrivals) counts.set(key, (counts.get(key) ?? 0) + 1);
    expect(keys.filter((key) => counts.get(key) !== 1)).toEqual([]);
    expect(arrivals).toHaveLength(2000);
    expect(new Set(arrivals.map((a) => a.eventId)).size).toBe(2000);
    for (const [, list] of perProject(arrivals)) {
      const order = list.map((a) => a.sequence as number);
      expect(order).toEqual(order.toSorted((a, b) => a - b));
    }

    // Budgets: nothing was refused, five resends a project at most, the rest came from the job.
    const { byRoute, rejected, whileClosed } = sim.counters.report();
    expect([rejected, whileClosed]).toEqual([0, 0]);
    const resends = byRoute["POST /projects/:id/hooks/:hook_id/events/:log_id/resend"] ?? {};
    expect(resends).toEqual({ 201: 110 * 5 + 10 * 4 });
    const by = run.report.results.flatMap((p) => p.hooks.flatMap((h) => h.deliveries.map((d) => d.by)));
    expect(by.filter((b) => b === "replay")).toHaveLength(2000 - 590);
    expect(projects.map((p) => sim.inspect(hookOf(p))["alertStatus"])).toEqual(
      projects.map(() => "executable"),
    );

    // What was never logged is said.
    expect(run.report.summary.unloggedWindows).toBeGreaterThanOrEqual(10);
    expect(run.stdout).toContain("events of that time were neither sent nor logged");

    // Again: nothing is missed and nothing is written, with the memory of the first run and without it.
    const written = files.get("state.json");
    for (const memory of [files, new Map<string, string>()]) {
      sim.counters.reset();
      const again = await runRecover(sim, {
        env,
        clock,
        files: memory,
        args: ["--state-file", "state.json"],
      });
      expect(again.status).toBe(0);
      expect(sim.counters.writes).toBe(0);
      const already = memory === files ? 0 : 2000 - 590;
      expect(again.report.summary).toMatchObject({
        missed: already,
        recovered: 0,
        alreadyDelivered: already,
      });
      if (memory === files) {
        expect(again.report.requests.pages).toBe(120);
        expect(again.report.requests.receiver).toBe(0);
      }
    }
    expect(written).toBeDefined();
    expect(relay.target.arrivals.filter((a) => (a.sequence ?? 0) > 0)).toHaveLength(2000);

    // The relay marks what came from the log, and knows how long it had been away.
    const admin = `http://127.0.0.1:${relay.port}/api/v1/events?limit=100`;
    const { events } = (await (await fetch(admin, { headers: AS_ADMIN })).json()) as {
      events: { recovered: boolean }[];
    };
    expect(events.filter((event) => event.recovered).length).toBeGreaterThan(0);
    expect(await second.line("relay.downtime-detected")).toMatchObject({ since: expect.any(String) });
    const metrics = await (await fetch(`http://127.0.0.1:${relay.port}/metrics`)).text();
    expect(metrics).toMatch(
      /^relay_last_seen_seconds 1\.\d+e\+09$|^relay_last_seen_seconds \d{10}(\.\d+)?$/m,
    );
    const ready = (await (await fetch(`http://127.0.0.1:${relay.port}/readyz`)).json()) as {
      status: string;
      checks: { name: string; ok: boolean; detail: string }[];
    };
    expect(ready.status).toBe("ready");
    expect(ready.checks.find((check) => check.name === "last-seen")).toMatchObject({
      ok: true,
      detail: expect.stringMatching(/^away from /),
    });
    second.child.kill("SIGTERM");
    expect(await second.exited).toBe(0);
  });
});
