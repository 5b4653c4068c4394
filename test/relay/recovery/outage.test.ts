/** The relay heals by itself: simulated GitLab, real relay as a process that is killed, the recovery program as its child. */
import { afterEach, expect, test } from "vitest";
import { AS_ADMIN, killRelays } from "../../helpers/relay-process.ts";
import { runInstaller, SECRET } from "../../helpers/installer.ts";
import { hookOf, pushes, range } from "../../helpers/recovery.ts";
import { stageRelay, type Closing } from "../../helpers/relay-stage.ts";
import { createSimulator } from "../../simulator/simulator.ts";

const closing: Closing = [];
afterEach(async () => {
  await killRelays();
  for (const close of closing.splice(0).toReversed()) await close();
});

test("relay: after kill -9 it has fetched back what GitLab logged as failed, once and in order, and hooks are executable again", async () => {
  const sim = await createSimulator({ tier: "free" });
  closing.push(() => sim.close());
  const { group, projects } = sim.seed.tree({ projects: 8 });
  const recovery = { url: sim.url, tokens: [sim.token.value], group: group.path };
  const relay = await stageRelay(closing, { GITLAB_WEBHOOK_SECRET: SECRET }, { recovery });
  expect((await runInstaller(sim, { env: { HOOKS_URL: relay.url } })).status).toBe(0);

  const first = await relay.start();
  const before = await Promise.all(projects.map((project) => pushes(sim, project, [0])));
  await relay.target.arrived(before.flatMap((sent) => sent.keys));
  first.child.kill("SIGKILL");
  await first.exited;

  sim.settings.autoDisable = true;
  const keys: string[] = [];
  for (const project of projects) keys.push(...(await pushes(sim, project, range(1, 6))).keys);
  expect(keys).toHaveLength(projects.length * 4);
  expect(sim.inspect(hookOf(projects[0]!))["alertStatus"]).not.toBe("executable");

  const second = await relay.start();
  await second.line("recovery.began");
  const ended = await second.line("recovery.ended");
  expect(ended).toMatchObject({
    outcome: "complete",
    missed: keys.length,
    delivered: keys.length,
    outstanding: 0,
  });
  await relay.target.arrived(keys);
  for (const project of projects) {
    const order = relay.target.arrivals
      .filter((arrival) => arrival.projectId === project.id && (arrival.sequence ?? 0) > 0)
      .map((arrival) => arrival.sequence);
    expect(order).toEqual(range(1, 4));
    expect(sim.inspect(hookOf(project))["alertStatus"]).toBe("executable");
  }
  const api = async (path: string): Promise<unknown> =>
    (await fetch(`${await second.url()}/api/v1/${path}`, { headers: AS_ADMIN })).json();
  expect(await api("recovery")).toMatchObject({
    configured: true,
    state: "idle",
    missed: null,
    last: { delivered: keys.length },
  });
  expect(JSON.stringify(await api("attention"))).not.toContain("recovery-due");
  expect(second.output()).not.toContain(sim.token.value);
}, 120_000);
